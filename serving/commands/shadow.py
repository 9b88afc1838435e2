"""``shadow``: has a version answer copies of requests, off the users' path."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from serving.commands.change import add_change, change, fit
from serving.commands.numbers import percent
from serving.plan import goals
from serving.release_store import now
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Loads a version beside the stable one, waits until it is AVAILABLE on every replica, and has the gateways send it copies
of requests after they were answered. No user meets its answers; /operations on the gateway and its metrics compare them
with those that users got."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "shadow",
        help="send a version copies of requests",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_change(parser)
    parser.add_argument("version", metavar="VERSION", nargs="?", type=int, help="a version in the repository")
    parser.add_argument(
        "--percent", type=percent, default=100.0, metavar="P", help="share of requests (default: %(default)g)"
    )
    parser.add_argument("--off", action="store_true", help="no copies to any version")
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Starts, changes or ends a shadow and gives 0; whatever hinders it is raised."""
    if options.off == (options.version is not None):
        options.error("expected a VERSION or --off")
    if options.off:
        return change(options, partial(goals.no_shadow, at=now()), out)
    version = fit(options, options.version)
    return change(options, partial(goals.shadow, version=version, percent=options.percent, at=now()), out)
