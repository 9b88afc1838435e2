#!/usr/bin/env bash
# Rolls a model whose version 1 is stable to version 2 and back, while it is asked without a pause: no request may fail.
#   OPERATOR="docker compose run --rm --no-TTY operator" bash roll.sh http://localhost:8080 digits picture.png
set -euo pipefail
: "${OPERATOR:?the command that is python -m serving}"
url=$1 model=$2 picture=$3
work=$(mktemp -d)

operator() { $OPERATOR "$@"; } # split into words on purpose

# The version that answers one request.
version() {
  curl --fail --silent --show-error --output /dev/null --dump-header - --form "images=@$picture" \
    "$url/api/v1/classify?model=$model" | tr -d '\r' | sed -n 's/^x-vitrine-version: //Ip'
}

# Waits, for a minute, until a request is answered by version $1. Gateways read the release state every so often.
await() {
  for _ in $(seq 600); do
    if [ "$(version)" = "$1" ]; then return; fi
    sleep 0.1
  done
  echo "Expected version $1 to answer within a minute." >&2
  return 1
}

(until [ -e "$work/enough" ]; do version >>"$work/answers" || echo failed >>"$work/answers"; done) &
load=$!
stop_load() { touch "$work/enough" && wait "$load"; }
trap 'stop_load; rm -rf "$work"' EXIT

await 1
operator canary "$model" 2 --percent 50 --split request
await 2
await 1
operator promote "$model"
await 2
operator rollback "$model"
await 1
operator status

stop_load
sort "$work/answers" | uniq -c
if grep -qvx '[12]' "$work/answers"; then
  echo "Expected every request to be answered by version 1 or 2." >&2
  exit 1
fi
