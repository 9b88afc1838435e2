#!/usr/bin/env bash
# Carries the release state from the operator's pod into the ConfigMap `vitrine-release`, at every change until Ctrl-C.
# Run it beside a command that rolls a version: each of its steps has to arrive before it takes the next.
#   k8s/components/release-configmap/follow.sh [--once]
# Whoever runs this needs the right to write the ConfigMap; no pod does.
set -euo pipefail

namespace=${NAMESPACE:-vitrine}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
: >applied

while true; do
  for file in release.json models.config; do
    kubectl -n "$namespace" exec deploy/operator -c operator -- cat "/models/$file" >"$file"
  done
  if ! cat release.json models.config | cmp -s - applied; then
    kubectl -n "$namespace" create configmap vitrine-release --from-file=release.json --from-file=models.config \
      --dry-run=client -o yaml | kubectl -n "$namespace" apply -f -
    # A kubelet looks at its ConfigMaps once a minute, and at once when a pod of its own changes.
    kubectl -n "$namespace" annotate pods -l 'app.kubernetes.io/name in (serving, gateway)' --overwrite \
      "vitrine-release=$(date -u +%FT%TZ)" >/dev/null
    cat release.json models.config >applied
  fi
  [ "${1:-}" != --once ] || exit 0
  sleep 1
done
