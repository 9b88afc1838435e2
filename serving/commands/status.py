"""``status``: the versions as the model servers report them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from contract.release import ModelRelease, Release
from serving.commands import options as shared
from serving.commands.rows import flat, released
from serving.replicas import Replicas, ReplicaStatus
from serving.repository import ModelRepository
from serving.tables import Say, table

if TYPE_CHECKING:
    from serving.commands.options import Subparsers


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("status", help="the versions as the model servers report them")
    shared.add_repository(parser)
    shared.add_json(parser)
    shared.add_replica(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Every version as the model servers report it; 1 if one of them does not answer."""
    addresses = shared.replicas(options)
    release = Release.read(options.repository)
    names = sorted({*ModelRepository(options.repository).models(), *release.models})
    with Replicas(addresses) as replicas:
        # Ask for some name even where there is no model yet, to know who answers.
        seen = {name: replicas.status(name) for name in names or ["-"]}
    away = {one.replica: one.away for statuses in seen.values() for one in statuses if one.away}
    models = {name: _reported(seen[name], release.models.get(name, ModelRelease())) for name in names}
    if options.json:
        out(json.dumps({"replicas": list(addresses), "away": away, "models": models}, indent=2))
        return 1 if away else 0
    answering = [address for address in addresses if address not in away]
    if answering:
        rows = [{**row, **row["states"]} for row in flat(models)]
        out(table(("model", "version", "labels", *answering), rows) if rows else "No models.")
    for address, reason in away.items():
        out(f"No model server answers at {address} ({reason}).")
    return 1 if away else 0


def _reported(seen: Sequence[ReplicaStatus], model: ModelRelease) -> list[dict[str, Any]]:
    versions = {status.version for one in seen for status in one.versions} | set(model.versions)
    return [
        {
            "version": version,
            **released(model, version),
            "states": {one.replica: _state(one, version) for one in seen if not one.away},
        }
        for version in sorted(versions, reverse=True)
    ]


def _state(replica: ReplicaStatus, version: int) -> str:
    found = replica.of(version)
    if found is None:
        return "not seen"
    return f"{found.state}: {found.error}" if found.error else found.state
