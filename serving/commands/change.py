"""What the commands share that change what serves: their options, and how they come to their goal."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from contract.versions import PublishError
from serving import rolling
from serving.commands import options as shared
from serving.pictures import pictures
from serving.replicas import Replicas
from serving.rolling import MakeGoal, Pace, Roller, Trial
from serving.tables import Say
from serving.verify import Finding, verify_on_disk
from serving.verify_served import verify_served


def add_change(parser: argparse.ArgumentParser) -> None:
    """The model, and the options of all commands that change what serves of it."""
    parser.add_argument("name", metavar="NAME", help="the model")
    shared.add_repository(parser)
    shared.add_replica(parser)
    shared.add_base_path(parser)
    parser.add_argument(
        "--timeout", type=seconds, default=120.0, metavar="S", help="seconds to load a version (default: %(default)g)"
    )
    parser.add_argument(
        "--drain",
        type=seconds,
        default=2.0,
        metavar="S",
        help="seconds for traffic to leave a version before it is unloaded (default: %(default)g)",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="model servers do not poll models.config: send it to each of them (do not use it for servers that poll)",
    )
    parser.add_argument("--force", action="store_true", help="overlook what checks of the version find")
    parser.add_argument("--offline", action="store_true", help="no model server runs: write the final state at once")
    shared.add_dry_run(parser)


def percent(text: str) -> float:
    """A share from 0 to 100, with or without the sign."""
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        share = math.nan
    if not 0 <= share <= 100:
        raise argparse.ArgumentTypeError(f"expected a percentage from 0 to 100. Received: {text!r}")
    return share


def seconds(text: str) -> float:
    """A time of 0 or more, finite."""
    try:
        time_s = float(text.removesuffix("s"))
    except ValueError:
        time_s = math.nan
    if not 0 <= time_s < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more. Received: {text!r}")
    return time_s


@contextmanager
def connected(options: argparse.Namespace) -> Iterator[Replicas]:
    """The model servers, and the sole right to change what serves of the model. Raises RolloutBusy."""
    store = shared.release_store(options)
    with Replicas(shared.replicas(options)) as replicas, store.rollout(options.name):
        yield replicas


def bring(options: argparse.Namespace, replicas: Replicas, make_goal: MakeGoal, out: Say) -> int:
    """Comes to the goal and gives 0; whatever hinders it is raised."""
    store = shared.release_store(options)
    if options.offline:
        rolling.offline(store, options.name, make_goal, out)
    else:
        pace = Pace(options.timeout, options.drain)
        roller = Roller(
            store, options.name, replicas, out, pace=pace, reload=options.reload, trial=trial(options, replicas)
        )
        roller.bring(make_goal)
    return 0


def trial(options: argparse.Namespace, replicas: Replicas) -> Trial:
    """What a loaded version has to stand before it gets traffic; nothing if that is to be overlooked."""
    repository, name = shared.repository(options), options.name

    def findings(version: int) -> Sequence[Finding]:
        if options.force:
            return ()
        images = partial(pictures, repository, name, version)
        return verify_served(replicas, name, version, repository.card(name, version), images)

    return findings


def change(options: argparse.Namespace, make_goal: MakeGoal, out: Say) -> int:
    """Comes to the goal, or only says how; gives 0."""
    if options.dry_run:
        rolling.dry_run(shared.release_store(options), options.name, make_goal, out)
        return 0
    with connected(options) as replicas:
        return bring(options, replicas, make_goal, out)


def held(options: argparse.Namespace, version: int | None) -> int:
    """A version of the model that the repository holds, the newest if None. Raises PublishError."""
    repository = shared.repository(options)
    known = repository.versions(options.name)
    version = max(known, default=None) if version is None else version
    if version is None or version not in known:
        raise PublishError(f"Expected a version of {options.name} in {repository.place}: {known}. Received: {version}")
    return version


def fit(options: argparse.Namespace, version: int | None) -> int:
    """The same, if its files are as a version's have to be. Raises PublishError."""
    version = held(options, version)
    repository = shared.repository(options)
    refuse(options, f"{options.name} {version}", verify_on_disk(repository, options.name, version))
    return version


def refuse(options: argparse.Namespace, what: str, findings: Sequence[Finding]) -> None:
    """Raises PublishError if a check of a version's files failed, unless that is to be overlooked."""
    failed = [f"{finding.check}: {finding.reason}" for finding in findings if not finding.ok]
    if failed and not options.force:
        raise PublishError(
            f"{what} is not fit to serve; nothing was changed. {'; '.join(failed)}. --force overlooks it"
        )


def now() -> str:
    """The time for the history."""
    return datetime.now(UTC).isoformat(timespec="seconds")
