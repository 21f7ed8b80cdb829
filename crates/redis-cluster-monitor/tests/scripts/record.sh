#!/bin/sh
# Writes its arguments, one a line, beside the path that it was called by.
for word; do
    printf '%s\n' "$word"
done >"$0.new"
mv "$0.new" "$0.arguments"
