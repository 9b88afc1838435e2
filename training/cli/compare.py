"""``compare``: ranks finished runs and says which is best, and why."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.cli.options import Commands, add_runs
from training.errors import RunError
from training.runs import find_run


def add(commands: Commands) -> None:
    """Declares the command."""
    parser = commands.add_parser(
        "compare",
        help="rank runs, and say which is best and why",
        description="Ranks runs by accuracy. Of runs that differ by less than chance, the smaller or faster one wins.",
    )
    add = parser.add_argument
    add("run", nargs="+", help="the runs' folders, or their names")
    add("--html", type=Path, metavar="FILE", help="write the comparison as a page, too")
    add_runs(parser)
    parser.set_defaults(command=_run, when_stopped="nothing was written.")


def _run(options: argparse.Namespace) -> int:
    from training.compare.candidate import read_candidate
    from training.compare.rank import compare
    from training.compare.write import as_text, write_page

    found = {run.folder.resolve(): run for run in (find_run(name, options.runs) for name in options.run)}
    if len(found) < 2:
        raise RunError(f"Expected at least two different runs. Received: {', '.join(options.run)}")
    comparison = compare([read_candidate(run) for run in found.values()])
    print(as_text(comparison))
    for warning in comparison.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    if options.html:
        write_page(comparison, options.html)
        print(options.html)
    return 0
