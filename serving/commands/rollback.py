"""``rollback``: back to what was there before the last change."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from serving.commands.change import add_change, change, fit
from serving.plan import goals
from serving.release_store import now
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Withdraws the canary, the shadow and the automatic rollout under way. Where there is none of them, the label `stable`
moves back to the version that was stable before, which is still loaded. It does not wait for replicas that are away.
Run again right after, it goes no further back, unless --to names a version."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "rollback",
        help="go back to what was there before",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_change(parser)
    parser.add_argument("--to", type=int, metavar="N", help="the version to be stable, loaded first if need be")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Rolls back and gives 0; whatever hinders it is raised."""
    if options.to is not None:
        fit(options, options.to)
    return change(options, partial(goals.rollback, to=options.to, at=now()), out)
