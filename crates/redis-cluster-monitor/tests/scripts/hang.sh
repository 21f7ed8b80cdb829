#!/bin/sh
# Writes its process beside the path that it was called by, and never ends.
echo $$ >"$0.pid"
exec sleep 1000
