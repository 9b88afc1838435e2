"""``verify``: checks a version where it lies, and as model servers serve it."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from contract.card import CardError, ModelCard
from serving.commands import options as shared
from serving.commands.named import version_of
from serving.pictures import pictures
from serving.replicas import Replicas
from serving.stores.store import VersionStore
from serving.tables import Say
from serving.verify import verify_on_disk
from serving.verify_served import verify_served

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_DESCRIPTION = """\
Checks a version's files: whole, with the four signatures, a card that agrees with them, warm-up requests that can be
read. With --replica also what each model server makes of it: loaded, with the same card, giving probabilities for the
version's own samples, alone and in batches, the same on all. The exit status is 1 if a check failed."""


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("verify", help="check a version on disk and as served", description=_DESCRIPTION)
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument("version", metavar="VERSION", nargs="?", type=int, help="its version (default: the newest)")
    shared.add_repository(parser)
    shared.add_json(parser)
    parser.add_argument(
        "--replica", nargs="+", action="extend", metavar="HOST:PORT", help="model servers to ask, every one of them"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Says what every check found; 1 if one failed. Raises PublishError if there is no such version."""
    store = shared.repository(options)
    version = version_of(store, options.name, options.version, incomplete=True)
    findings = verify_on_disk(store, options.name, version, checksums=True)
    if options.replica:
        with Replicas(options.replica) as replicas:
            images = partial(pictures, store, options.name, version)
            findings += verify_served(replicas, options.name, version, _card(store, options.name, version), images)
    if options.json:
        told = [asdict(one) for one in findings]
        out(json.dumps({"model": options.name, "version": version, "findings": told}, indent=2, ensure_ascii=False))
    else:
        out(f"{options.name} {version} in {store.where(options.name, version)}")
        for one in findings:
            out(str(one))
    return 0 if all(one.ok for one in findings) else 1


def _card(store: VersionStore, name: str, version: int) -> ModelCard | None:
    # One that cannot be read was found already.
    with suppress(CardError):
        return store.card(name, version)
    return None
