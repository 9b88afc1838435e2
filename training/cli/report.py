"""``report``: writes a finished run's report anew, beside the live version if asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.cli.options import Commands, add_runs, model_name
from training.runs import LATEST, find_run


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "report",
        help="write a run's report: a page, a PDF and slides",
        description="Writes report.html, report.pdf and report.pptx into a run's folder, from the files in it.",
    )
    add = parser.add_argument
    add("run", help=f"a run's folder, its name, or {LATEST!r}")
    add("--beside", type=Path, metavar="REPOSITORY", help="compare with the version that is live in a model repository")
    add("--name", type=model_name, help="the model's name there (default: as trained)")
    add_runs(parser)
    parser.set_defaults(command=_run, when_stopped="files that were written stay.")


def _run(options: argparse.Namespace) -> int:
    from training.report import find_live, write_report

    run = find_run(options.run, options.runs)
    live = None
    if options.beside:
        name = options.name or run.read_card().name
        live = find_live(options.beside, name)
        print(
            f"Beside version {live.version} of {name}" if live else f"No version of {name} is in {options.beside} yet"
        )
    for path in write_report(run, live=live):
        print(path)
    return 0
