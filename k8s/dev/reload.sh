#!/bin/sh
# The dev image's entry point: `skerry "$@"`, started again whenever a Python file below /app changes.
# /app is a volume that skaffold writes saved files to; it outlives a restart of the container, so
# what was saved there is not overwritten by what the image was built with.
set -eu
[ -d /app/skerry ] || cp -R /opt/skerry/source/skerry /app/
export PYTHONPATH=/app
unset PYTHONDONTWRITEBYTECODE
exec watchfiles --filter python --sigint-timeout 5 "skerry $*" /app
