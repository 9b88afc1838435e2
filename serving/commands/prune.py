"""``prune``: deletes versions that nobody needs any more."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from contract.release import ModelRelease, Release
from serving.commands import options as shared
from serving.commands.named import check_model
from serving.commands.numbers import count
from serving.errors import NoReplica
from serving.pruning import Pruning, prune
from serving.replicas import Replicas, ReplicaStatus
from serving.stores.store import VersionStore
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Deletes versions from the repository. Kept are all that the release state names (pinned, labelled, shadow, previous,
rolled out), the N newest beside those, and always the newest of all, whose number must not be given again. With
--replica, versions that a model server has loaded are kept too; where that is the only reason, the exit status is 1."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("prune", help="delete versions that nobody needs", description=_DESCRIPTION)
    parser.add_argument("name", metavar="NAME", nargs="?", help="the model")
    parser.add_argument("--all", action="store_true", help="every model")
    parser.add_argument(
        "--keep", type=count, default=2, metavar="N", help="how many of the newest to keep besides (default: 2)"
    )
    shared.add_repository(parser)
    parser.add_argument(
        "--replica", nargs="+", action="extend", metavar="HOST:PORT", help="model servers that may have versions loaded"
    )
    shared.add_dry_run(parser)
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Deletes what is not needed; 1 if a replica has some of that loaded.

    Raises:
        RolloutBusy: A rollout of the model is under way.
        NoReplica: One that was named does not answer, so nobody knows what it has loaded; nothing was changed.
        PublishError: There is no such model.
    """
    if (options.name is None) != options.all:
        options.error("expected NAME, or --all for every model")
    store = shared.repository(options)
    if not options.all:
        check_model(store, options.name)
    names = store.models() if options.all else [options.name]
    with Replicas(options.replica or ()) as replicas:
        refused = [_prune(options, store, name, replicas, out) for name in names]
    return 1 if any(refused) else 0


def _prune(options: argparse.Namespace, store: VersionStore, name: str, replicas: Replicas, out: Say) -> bool:
    """Prunes one model; True if something stays only because it is loaded."""
    if options.dry_run:
        plan = _plan(options, store, name, replicas)
        _say(plan, name, out, "would be deleted")
        return bool(plan.refused)
    # With the rollouts' lock: nothing that is not used now is on its way to be.
    with shared.release_store(options).rollout(name):
        for leftover in store.clean(name):
            out(f"{leftover}, left half deleted or half uploaded, is deleted.")
        plan = _plan(options, store, name, replicas)
        for version in plan.deleted:
            store.remove(name, version)
    _say(plan, name, out, "deleted")
    return bool(plan.refused)


def _plan(options: argparse.Namespace, store: VersionStore, name: str, replicas: Replicas) -> Pruning:
    model = Release.read(options.repository).models.get(name, ModelRelease())
    return prune(store.versions(name), model, options.keep, _seen(replicas, name))


def _seen(replicas: Replicas, name: str) -> Sequence[ReplicaStatus]:
    seen = replicas.status(name)
    away = [f"{one.replica} ({one.away})" for one in seen if one.away]
    if away:
        raise NoReplica(f"Expected to learn what every replica has loaded. No answer from {', '.join(away)}")
    return seen


def _say(plan: Pruning, name: str, out: Say, deleted: str) -> None:
    kept = ", ".join(f"{version} ({reason})" for version, reason in plan.kept.items())
    out(f"{name}: {deleted}: {', '.join(map(str, plan.deleted)) or 'none'}; kept: {kept or 'none'}.")
