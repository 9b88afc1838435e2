#!/bin/sh
# Makes a model repository servable: trains on digits if it holds no version at all, writes models.config if it is
# missing. Does nothing, in a moment, where both are there, so it may run before every start.
set -eu

repository=${MODEL_REPOSITORY:-/models}
runs=${RUNS:-/runs}

# The names of the models that have a version, one a line.
models() {
  for saved_model in "$repository"/*/[0-9]*/saved_model.pb; do
    [ -e "$saved_model" ] || continue
    basename "$(dirname "$(dirname "$saved_model")")"
  done | sort -u
}

if [ -z "$(models)" ]; then
  echo "No model in $repository yet: training one on scikit-learn's handwritten digits (about a minute)."
  python -m training train --dataset digits --runs "$runs"
  python -m training export latest --runs "$runs" --repository "$repository" --name digits
fi

if [ ! -s "$repository/models.config" ]; then
  models | while read -r name; do
    python -m serving --repository "$repository" publish "$name" --offline
  done
fi

echo "$repository serves: $(models | tr '\n' ' ')"
