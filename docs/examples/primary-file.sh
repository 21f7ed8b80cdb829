#!/bin/sh
# A client-reconfig script: keeps HOST:PORT of the primary in a file named after its group.
group=$1 to_host=$6 to_port=$7
file=${PRIMARY_FOLDER:-/run/redis-primary}/$group
# In one step, so that nobody reads half of it. A failure ends with 1: it is run again.
printf '%s:%s\n' "$to_host" "$to_port" >"$file.new" && mv "$file.new" "$file" || exit 1
