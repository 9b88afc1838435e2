"""``publish``: brings a version live."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from contract.versions import PublishError
from serving.commands import options as shared
from serving.publish import Rollout, answers
from serving.replicas import Replicas
from serving.repository import ModelRepository, check_saved_model
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Brings a version live: adds it to models.config, waits until it is AVAILABLE on every replica, then moves the label
`stable` to it. The former stable version stays loaded for a rollback. Where the version does not become AVAILABLE, the
release state is put back to what it was. Asking again for what is done, or was cut short, does what is left."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "publish", help="bring a version live", description=_DESCRIPTION, formatter_class=raw
    )
    shared.add_repository(parser)
    shared.add_replica(parser)
    shared.add_base_path(parser)
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", type=Path, help="a SavedModel to copy in as the next version"
    )
    parser.add_argument("--version", type=int, metavar="N", help="a version in the repository (default: the newest)")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="seconds to load it (default: %(default)g)"
    )
    parser.add_argument("--offline", action="store_true", help="no model server runs: write the final state at once")
    shared.add_dry_run(parser)
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Brings a version live and gives 0; whatever hinders it is raised."""
    if options.source is not None and options.version is not None:
        options.error("a SOURCE always becomes the next version: give SOURCE or --version, not both")
    repository, store = shared.repository(options), shared.release_store(options)
    if options.dry_run:
        Rollout(store, options.name, _expected(repository, options), out).dry_run()
        return 0
    with Replicas(shared.replicas(options)) as replicas, store.rollout(options.name):
        rollout = Rollout(store, options.name, _held_or_copied(repository, options, replicas, out), out)
        if options.offline:
            rollout.offline()
        else:
            rollout.online(replicas, options.timeout)
    return 0


def _held(repository: ModelRepository, name: str, version: int | None) -> int:
    """A version that the repository holds, the newest if None."""
    held = repository.versions(name)
    version = max(held, default=None) if version is None else version
    if version is None or version not in held:
        raise PublishError(f"Expected a version of {name} in {repository.root}: {held}. Received: {version}")
    check_saved_model(repository.path(name, version))
    return version


def _held_or_copied(repository: ModelRepository, options: argparse.Namespace, replicas: Replicas, out: Say) -> int:
    if options.source is None:
        return _held(repository, options.name, options.version)
    same = repository.same_as_newest(options.name, options.source)
    if same is not None:
        return same
    if not options.offline:
        answers(replicas, options.name)  # before the copy: without a model server nothing is to change
    version = repository.add(options.name, options.source)
    out(f"{options.source} is copied to {repository.path(options.name, version)}.")
    return version


def _expected(repository: ModelRepository, options: argparse.Namespace) -> int:
    """The version that would go live, with nothing copied yet."""
    if options.source is None:
        return _held(repository, options.name, options.version)
    same = repository.same_as_newest(options.name, options.source)
    return max(repository.versions(options.name), default=0) + 1 if same is None else same
