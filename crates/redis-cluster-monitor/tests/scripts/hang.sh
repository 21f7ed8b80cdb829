#!/bin/sh
# Writes its process, and every password that it knows, beside the path that it was called by, and
# never ends.
echo $$ "${RCM_PASSWORD-}${RCM_SENTINEL_PASSWORD-}${RCM_STORE_PASSWORD-}" >"$0.pid"
exec sleep 1000
