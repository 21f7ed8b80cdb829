#!/bin/sh
# Does what its second argument says.
eval "$2"
