"""``export``: publishes a finished run's model into a model repository."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from contract.versions import check_name
from training.cli.options import Commands, add_runs
from training.runs import LATEST, find_run


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser("export", help="publish a trained model into a model repository")
    add = parser.add_argument
    add("run", help=f"a run's folder, its name, or {LATEST!r}")
    add("--repository", type=Path, help="the model repository (default: $MODEL_REPOSITORY, else ./models)")
    add("--name", help="the model's name there (default: as trained)")
    add_runs(parser)
    parser.set_defaults(command=_run, when_stopped="nothing was published.")


def _run(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.runs)
    name = check_name(options.name or run.read_card().name)
    repository = options.repository or Path(os.environ.get("MODEL_REPOSITORY") or "models")
    from training.export import export

    published = export(run, repository, name)
    checks = published.checks
    print(
        f"Published {published.folder} from {run.folder}: {published.size_bytes / 1e6:.1f} MB, probabilities within "
        f"{checks.max_difference:.1e} of the Keras model's on {checks.images} pictures, serving_bytes within "
        f"{checks.bytes_max_difference:.1e} on {checks.bytes_pictures} files"
    )
    return 0
