"""``promote``: the canary becomes the stable version."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from serving.commands.change import add_change, change
from serving.plan import goals
from serving.release_store import now
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "promote",
        help="make the canary the stable version",
        description="Gives all traffic to the canary, or to the shadow if it is named, and the label `stable` with it. "
        "The former stable version stays loaded for a rollback.",
    )
    add_change(parser)
    parser.add_argument(
        "version", metavar="VERSION", nargs="?", type=int, help="the version that is meant (default: the canary)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Promotes and gives 0; whatever hinders it is raised."""
    return change(options, partial(goals.promote, version=options.version, at=now()), out)
