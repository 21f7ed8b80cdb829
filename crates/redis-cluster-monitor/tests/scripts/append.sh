#!/bin/sh
# Adds its arguments, as one line, to a file beside the path that it was called by.
printf '%s\n' "$*" >>"$0.log"
