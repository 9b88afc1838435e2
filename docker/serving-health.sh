#!/usr/bin/env bash
# Health of a TensorFlow Serving container, whose image has neither curl nor Python: every model of models.config has a
# version AVAILABLE, asked over REST through bash's own /dev/tcp.
#   bash serving-health.sh [models.config] [REST port]
set -u

config=${1:-/models/models.config}
port=${2:-8501}

# Prints the answer to GET $1. TensorFlow Serving closes the connection when asked to; -t bounds the wait if it hangs.
get() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
  local answer
  IFS= read -r -d '' -t 2 -u 3 answer
  exec 3>&-
  printf '%s' "$answer"
}

names=()
while IFS= read -r line; do
  [[ $line =~ (^|[[:space:]{])name:[[:space:]]*\"([^\"]+)\" ]] && names+=("${BASH_REMATCH[2]}")
done <"$config"

if [ "${#names[@]}" = 0 ]; then
  echo "Expected at least one model in $config. Received: none"
  exit 1
fi

available='"state":[[:space:]]*"AVAILABLE"'
for name in "${names[@]}"; do
  answer=$(get "/v1/models/$name" 2>&1)
  if ! [[ $answer =~ $available ]]; then
    echo "Expected a version of $name to be AVAILABLE on port $port. Received: ${answer:-nothing}"
    exit 1
  fi
done
