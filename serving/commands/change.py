"""What the commands share that change what serves: their options, and how they come to their goal."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from contract.versions import PublishError
from serving import offline
from serving.commands import options as shared
from serving.commands.named import version_of
from serving.commands.numbers import seconds
from serving.pictures import pictures
from serving.release_store import ReleaseStore
from serving.replicas import Replicas
from serving.rolling import MakeGoal, Pace, Roller, Trial
from serving.tables import Say
from serving.verify import Finding, verify_on_disk
from serving.verify_served import verify_served


def add_change(parser: argparse.ArgumentParser) -> None:
    """The model, and the options of all commands that change at once what serves of it."""
    parser.add_argument("name", metavar="NAME", help="the model")
    add_roller(parser)
    parser.add_argument("--offline", action="store_true", help="no model server runs: write the final state at once")


def add_roller(parser: argparse.ArgumentParser) -> None:
    """The options of all commands that have model servers load versions."""
    shared.add_repository(parser)
    shared.add_replica(parser)
    shared.add_base_path(parser)
    parser.add_argument(
        "--timeout", type=seconds, default="2m", metavar="T", help="time to load a version (default: %(default)s)"
    )
    parser.add_argument(
        "--drain",
        type=seconds,
        default="2s",
        metavar="T",
        help="time for traffic to leave a version before it is unloaded (default: %(default)s)",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="model servers do not poll models.config: send it to each of them (do not use it for servers that poll)",
    )
    parser.add_argument("--force", action="store_true", help="overlook what checks of the version find")
    shared.add_dry_run(parser)


@contextmanager
def connected(options: argparse.Namespace) -> Iterator[Replicas]:
    """The model servers, and the sole right to change what serves of the model. Raises RolloutBusy."""
    store = writable(options)
    with Replicas(shared.replicas(options)) as replicas, store.rollout(options.name):
        yield replicas


def writable(options: argparse.Namespace) -> ReleaseStore:
    """The release state, to be changed. Raises BasePathError if nobody said for which base path, and it would change.

    A server that is started again would look for its versions there, and find none.
    """
    store = shared.release_store(options)
    if not shared.given_base_path(options):
        store.check_base_path()
    return store


def bring(options: argparse.Namespace, replicas: Replicas, make_goal: MakeGoal, out: Say) -> int:
    """Comes to the goal and gives 0; whatever hinders it is raised."""
    store = shared.release_store(options)
    if options.offline:
        offline.bring(store, options.name, make_goal, out)
    else:
        roller(options, replicas, out).bring(make_goal)
    return 0


def roller(options: argparse.Namespace, replicas: Replicas, say: Say) -> Roller:
    """What brings the model to its goals, as the options have it."""
    return Roller(
        shared.release_store(options),
        options.name,
        replicas,
        say,
        pace=Pace(options.timeout, options.drain),
        reload=options.reload,
        trial=_trial(options, replicas),
    )


def _trial(options: argparse.Namespace, replicas: Replicas) -> Trial:
    """What a loaded version has to stand before it gets traffic; nothing if that is to be overlooked."""
    repository, name = shared.repository(options), options.name

    def findings(version: int) -> Sequence[Finding]:
        if options.force:
            return ()
        images = partial(pictures, repository, name, version)
        return verify_served(replicas, name, version, repository.card(name, version), images)

    return findings


def change(options: argparse.Namespace, make_goal: MakeGoal, out: Say) -> int:
    """Comes to the goal, or only says how; gives 0. Raises PublishError for a model that was never released."""
    shared.release_store(options).released(options.name)
    if options.dry_run:
        offline.dry_run(shared.release_store(options), options.name, make_goal, out)
        return 0
    with connected(options) as replicas:
        return bring(options, replicas, make_goal, out)


def fit(options: argparse.Namespace, number: int | None) -> int:
    """A version of the model, the newest if None, whose files are as they have to be. Raises PublishError."""
    repository = shared.repository(options)
    version = version_of(repository, options.name, number)
    refuse(options, f"{options.name} {version}", verify_on_disk(repository, options.name, version))
    return version


def refuse(options: argparse.Namespace, what: str, findings: Sequence[Finding]) -> None:
    """Raises PublishError if a check of a version's files failed, unless that is to be overlooked."""
    failed = [f"{finding.check}: {finding.reason}" for finding in findings if not finding.ok]
    if failed and not options.force:
        raise PublishError(
            f"{what} is not fit to serve; nothing was changed. {'; '.join(failed)}. --force overlooks it"
        )
