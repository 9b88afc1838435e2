"""``publish``: brings a version live."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from serving import offline
from serving.commands import options as shared
from serving.commands.change import add_change, bring, connected, fit, refuse
from serving.plan import goals
from serving.release_store import now
from serving.replicas import Replicas
from serving.repository import check_saved_model
from serving.rolling import MakeGoal, answers
from serving.stores.store import VersionStore
from serving.tables import Say
from serving.verify import verify_folder

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
    add_change(parser)
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", type=Path, help="a SavedModel to copy in as the next version"
    )
    parser.add_argument("--version", type=int, metavar="N", help="a version in the repository (default: the newest)")
    parser.add_argument(
        "--copy-only", action="store_true", help="put SOURCE into the repository, and leave what serves as it is"
    )
    parser.set_defaults(run=run, error=parser.error)


def run(options: argparse.Namespace, out: Say) -> int:
    """Brings a version live and gives 0; whatever hinders it is raised."""
    if options.source is not None and options.version is not None:
        options.error("a SOURCE always becomes the next version: give SOURCE or --version, not both")
    if options.copy_only and options.source is None:
        options.error("--copy-only needs a SOURCE")
    if options.source is not None:
        if options.source.name.isdecimal() and not options.source.exists():
            options.error(f"SOURCE is a folder. For a version in the repository: --version {options.source.name}")
        check_saved_model(options.source)
        refuse(options, str(options.source), verify_folder(options.source))
    repository = shared.repository(options)
    if options.dry_run:
        version = _expected(repository, options)
        if options.copy_only:
            out(f"{options.source} would be {options.name} {version}.")
        else:
            offline.dry_run(shared.release_store(options), options.name, _goal(version), out)
        return 0
    with connected(options) as replicas:
        version = _held_or_copied(repository, options, replicas, out)
        return 0 if options.copy_only else bring(options, replicas, _goal(version), out)


def _goal(version: int) -> MakeGoal:
    return partial(goals.publish, version=version, at=now())


def _held_or_copied(repository: VersionStore, options: argparse.Namespace, replicas: Replicas, out: Say) -> int:
    if options.source is None:
        return fit(options, options.version)
    same = repository.same_as_newest(options.name, options.source)
    if same is not None:
        if options.copy_only:
            out(f"{options.source} is {options.name} {same} already.")
        return same
    if not options.offline and not options.copy_only:
        answers(replicas, options.name)  # before the copy: without a model server nothing is to change
    version = repository.add(options.name, options.source)
    out(f"{options.source} is copied to {repository.where(options.name, version)}.")
    return version


def _expected(repository: VersionStore, options: argparse.Namespace) -> int:
    """The version that would go live, with nothing copied yet."""
    if options.source is None:
        return fit(options, options.version)
    same = repository.same_as_newest(options.name, options.source)
    return max(repository.versions(options.name), default=0) + 1 if same is None else same
