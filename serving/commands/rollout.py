"""``rollout``: moves traffic to a version step by step, as long as the gateways' own figures say that it does well."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from contract.release import STABLE, Split
from serving import offline
from serving.automatic import goals
from serving.automatic.limits import LimitError, Limits
from serving.automatic.order import Order
from serving.automatic.report import Report
from serving.commands import options as shared
from serving.commands.change import add_roller, fit, roller, writable
from serving.commands.numbers import percent, percents, some_seconds
from serving.plan import words
from serving.release_store import now
from serving.replicas import Replicas
from serving.tables import Say

if TYPE_CHECKING:
    from serving.automatic.runner import View
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Loads a version beside the stable one and lets it answer copies of users' requests. If it answers them as it should, it
gets a growing share of traffic, each for a while, and becomes stable after the last. At every step its errors, its 95th
percentile of seconds, its agreement with stable and its share of "none of these" are compared with stable's, as the
gateways count them. Beyond a limit it goes back by itself: status 1, the reason told and kept in the history.
Without enough requests it waits, up to the deadline. Cut short, the same command goes on at the same step."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "rollout",
        help="bring a version live step by step, watched",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument("version", metavar="VERSION", type=int, help="a version in the repository")
    add_roller(parser)
    parser.add_argument(
        "--gateway",
        nargs="+",
        action="extend",
        metavar="URL",
        help="every gateway; a host name stands for all its addresses, so name no load balancer (default: "
        "$VITRINE_GATEWAYS or http://localhost:8080)",
    )
    _add_course(parser)
    _add_limits(parser)
    parser.add_argument("--watch", action="store_true", help="a live view, drawn anew at each look")
    parser.add_argument("--json", action="store_true", help="every look as a line of JSON")
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Rolls out and gives 0, or 1 if the version is not stable in the end; what hinders the beginning is raised."""
    # Imported here: HTTP and TLS would keep every other command waiting.
    from serving.automatic.gateways import Gateways, GatewayUrlError
    from serving.automatic.runner import Runner

    version = fit(options, options.version)
    try:
        order = _order(options, version)
        gateways = Gateways(options.gateway or options.default_gateways, options.name)
    except (LimitError, GatewayUrlError) as error:
        options.error(str(error))
    if options.dry_run:
        return _dry_run(options, order, out)
    view, store = _view(options, out), writable(options)
    with Replicas(shared.replicas(options)) as replicas:
        try:
            return Runner(order, store, replicas, roller(options, replicas, view.say), gateways, view).run()
        except KeyboardInterrupt:
            view.say(
                f"Nobody watches any more; traffic stays as it is. To go on: the same command. To go back: "
                f"rollback {options.name}."
            )
            raise


def _dry_run(options: argparse.Namespace, order: Order, out: Say) -> int:
    store = shared.release_store(options)
    model = store.model(options.name)
    if model.labels.get(STABLE) == order.version:
        out(f"{options.name} {order.version} is already {STABLE}.")
        return 0
    begun = model.rollout
    if begun is not None and begun.version == order.version:
        order = replace(
            order,
            steps=begun.steps[begun.step :],
            every_s=begun.every_s,
            shadow_percent=model.shadow_percent,
            shadow_first=not model.canary_percent,
        )
        out(f"The rollout of {options.name} {order.version} would go on with {words.traffic(model.canary_percent)}.")
    else:
        report = Report(order.version, model.labels.get(STABLE, 0), order.limits).to_json()
        make_goal = partial(goals.begin, order=order, report=report, at=now())
        offline.dry_run(store, options.name, make_goal, out)
    every = f"for at least {order.every_s:g} s, at most {order.patience_s:g} s"
    if order.begins_with_shadow:
        out(f"Then copies of {order.shadow_percent:g}% of requests would be watched {every}.")
    for step in order.steps:
        out(f"Then {step:g}% of traffic would be watched {every}.")
    out(f"Then {options.name} {order.version} would be {STABLE}.")
    return 0


def _add_course(parser: argparse.ArgumentParser) -> None:
    course = parser.add_argument_group("the course")
    course.add_argument(
        "--steps", type=percents, default="5,25,50,100", metavar="P,…", help="shares in percent (default: %(default)s)"
    )
    course.add_argument(
        "--every",
        type=some_seconds,
        default="60s",
        metavar="T",
        help="watch each at least so long (default: %(default)s)",
    )
    course.add_argument(
        "--deadline",
        type=some_seconds,
        metavar="T",
        help="and at most so long until a verdict (default: 10 times that)",
    )
    course.add_argument(
        "--blind",
        type=some_seconds,
        metavar="T",
        help="go back if gateways or replicas are out of sight for longer (default: as --every, at least 30s)",
    )
    course.add_argument(
        "--split",
        choices=get_args(Split),
        default="client",
        help="what stays together at one version: all requests of a client, or nothing (default: %(default)s)",
    )
    course.add_argument(
        "--shadow",
        type=percent,
        default=10.0,
        metavar="P",
        help="share of requests copied to the version, to know its agreement; 0: none (default: %(default)g)",
    )
    course.add_argument(
        "--shadow-first",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="judge it by copies alone before any user gets its answers (default: yes)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group("the limits", "shares are of 1")
    for one in fields(Limits):
        limits.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=float,
            default=one.default,
            metavar=one.metadata["metavar"],
            help=f"{one.metadata['help'].replace('%', '%%')} (default: %(default)g)",
        )


def _order(options: argparse.Namespace, version: int) -> Order:
    return Order(
        name=options.name,
        version=version,
        steps=options.steps,
        every_s=options.every,
        deadline_s=options.deadline,
        blind_s=options.blind,
        split=options.split,
        shadow_percent=options.shadow,
        shadow_first=options.shadow_first,
        limits=Limits(**{one.name: getattr(options, one.name) for one in fields(Limits)}),
    )


def _view(options: argparse.Namespace, out: Say) -> View:
    from serving.automatic.views import JsonLines, Lines, Live

    if options.json:
        return JsonLines(out)
    if options.watch and sys.stdout.isatty():
        return Live(partial(print, end="", flush=True))
    return Lines(out)
