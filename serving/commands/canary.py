"""``canary``: gives a version a share of the traffic, or takes it away."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, get_args

from contract.release import Split
from serving.commands.change import add_change, change, fit
from serving.commands.numbers import percent
from serving.plan import goals
from serving.release_store import now
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Loads a version beside the stable one, waits until it is AVAILABLE on every replica, and lets the gateways send it a
share of the requests whose callers name neither version nor label. The label `canary` names it. Asked again with
another share, only the share changes."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "canary",
        help="give a version a share of the traffic",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_change(parser)
    parser.add_argument("version", metavar="VERSION", nargs="?", type=int, help="a version in the repository")
    parser.add_argument(
        "--percent", type=percent, default=10.0, metavar="P", help="its share, 0 to 100 (default: %(default)g)"
    )
    parser.add_argument(
        "--split",
        choices=get_args(Split),
        default="client",
        help="what stays together at one version: all requests of a client, or nothing (default: %(default)s)",
    )
    parser.add_argument("--off", action="store_true", help="no canary: all traffic to the stable version")
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Starts, changes or ends a canary and gives 0; whatever hinders it is raised."""
    if options.off == (options.version is not None):
        options.error("expected a VERSION or --off")
    if options.off:
        return change(options, partial(goals.no_canary, at=now()), out)
    version = fit(options, options.version)
    share, split = options.percent, options.split
    return change(options, partial(goals.canary, version=version, percent=share, split=split, at=now()), out)
