"""``export``: publishes a finished run's model into a model repository, or writes it as a Keras file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from contract.versions import PublishError, check_name
from training.cli.options import Commands, add_runs, share
from training.errors import RunError
from training.runs import LATEST, Run, find_run

_SAVED_MODEL = "savedmodel"
_FORMATS = (_SAVED_MODEL, "keras", "h5")
_DESCRIPTION = """\
Publishes a finished run's model as the next version in a model repository. Before that the SavedModel is loaded as a
model server loads it, and must answer as the Keras model does; and the model must not be worse than the version that
is live, on the same test pictures. `python -m serving publish` then makes the new version the one that answers."""


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "export", help="publish a trained model into a model repository", description=_DESCRIPTION
    )
    parser.add_argument("run", help=f"a run's folder, its name, or {LATEST!r}")
    add_runs(parser)
    _add_publishing(parser.add_argument_group("to publish a version"))
    files = parser.add_argument_group("to have a file instead")
    files.add_argument(
        "--format",
        choices=_FORMATS,
        default=_SAVED_MODEL,
        help=f"{_SAVED_MODEL} (default) publishes; keras and h5 (Keras's older format) write one file",
    )
    files.add_argument("--output", type=Path, metavar="FILE", help="that file (default: NAME.keras or NAME.h5)")
    parser.add_argument("--force", action="store_true", help="even if it is worse, there already, or FILE exists")
    parser.set_defaults(command=_run, misused=parser.error, when_stopped="nothing was published.")


def _add_publishing(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--repository", type=Path, help="the model repository (default: $MODEL_REPOSITORY, else ./models)")
    add("--name", help="the model's name there (default: as trained)")
    add(
        "--margin",
        type=share,
        metavar="SHARE",
        help="by how much accuracy and macro F1 may be below the live version's (default: 0.01, one percentage point)",
    )
    add("--dry-run", action="store_true", help="make all checks, publish nothing")


def _run(options: argparse.Namespace) -> int:
    _check_options(options)
    run = find_run(options.run, options.runs)
    name = check_name(options.name or run.read_card().name)
    if options.format != _SAVED_MODEL:
        return _write_file(run, options.output or Path(f"{name}.{options.format}"), force=options.force)
    return _publish(run, name, options)


def _check_options(options: argparse.Namespace) -> None:
    """Whether the options go together."""
    if options.format == _SAVED_MODEL:
        if options.output:
            options.misused(
                "argument --output: expected --format keras or h5 with it; a SavedModel goes to --repository"
            )
        return
    for option, given in (
        ("--repository", options.repository),
        ("--margin", options.margin is not None),
        ("--dry-run", options.dry_run),
    ):
        if given:
            options.misused(f"argument {option}: not with --format {options.format}, which writes a file: see --output")
    if options.output and options.output.suffix != f".{options.format}":
        options.misused(
            f"argument --output: expected a name that ends in .{options.format}. Received: {options.output}"
        )


def _write_file(run: Run, path: Path, *, force: bool) -> int:
    if path.exists() and not force:
        raise PublishError(f"Expected a new file. Received: {path}, which exists; --force replaces it")
    from training.export.keras_file import write_keras_file

    written = write_keras_file(run, path)
    print(
        f"Wrote {written.path} from {run.folder}: {written.size_bytes / 1e6:.1f} MB, loaded again and compared: "
        f"probabilities within {written.max_difference:.1e} on {written.images} pictures. "
        f"Its labels and picture size are in {written.card}"
    )
    return 0


def _publish(run: Run, name: str, options: argparse.Namespace) -> int:
    from training.export.live import version_of

    repository = options.repository or Path(os.environ.get("MODEL_REPOSITORY") or "models")
    held = version_of(run, repository, name)
    if held and not options.force:
        print(f"{held.folder} already holds this run: nothing to publish (--force publishes it once more)")
        return 0
    _report_beside_live(run, repository, name)
    # Whatever trained the model: a SavedModel is written by TensorFlow.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from training.export.gate import MARGIN
    from training.export.publish import export

    margin = MARGIN if options.margin is None else options.margin
    published = export(run, repository, name, margin=margin, force=options.force, dry_run=options.dry_run)
    gate, checks = published.gate, published.checks
    if options.dry_run:
        done = "Would publish" if gate.passed or gate.forced else "Would not publish (but with --force)"
    else:
        done = "Published"
    print(f"{gate.sentence}.{' --force overrules that.' if gate.forced else ''}")
    print(
        f"{done} {published.folder} from {run.folder}: {published.size_bytes / 1e6:.1f} MB, probabilities within "
        f"{checks.max_difference:.1e} of the Keras model's on {checks.images} pictures, serving_bytes within "
        f"{checks.bytes_max_difference:.1e} on {checks.bytes_pictures} files"
    )
    return 0 if gate.passed or gate.forced else 1


def _report_beside_live(run: Run, repository: Path, name: str) -> None:
    """Writes the run's report anew, beside the version that it would take the place of; not if there is none."""
    from training.report.live import find_live
    from training.report.write import write_report

    try:
        live = find_live(repository, name)
        if live:
            write_report(run, live=live)
            print(f"Beside version {live.version}, which is live: {run.page}")
    except RunError as error:
        print(f"The report shows no live version beside the run: {error}", file=sys.stderr)
