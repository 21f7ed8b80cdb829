#!/bin/sh
# Writes its process, and a password if it knows one, beside the path that it was called by, and
# never ends.
echo $$ "${RCM_PASSWORD-}" >"$0.pid"
exec sleep 1000
