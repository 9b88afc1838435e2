"""``list``: the versions in the repository."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contract.card import CardError
from contract.release import ModelRelease, Release
from serving.commands import options as shared
from serving.commands.rows import flat, released
from serving.saved_model import GRAPHS
from serving.stores.store import VersionStore
from serving.tables import Say, table

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_NOTHING: Mapping[str, Any] = {"accuracy": None, "created": "", "note": ""}
_NOT_WHOLE = {**_NOTHING, "note": "not whole: an upload under way, or one that was cut short"}


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("list", help="the versions in the repository")
    shared.add_repository(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Every version in the repository, with what its card and the release state say."""
    repository, release = shared.repository(options), Release.read(options.repository)
    names = sorted({*repository.models(), *release.models})
    models = {name: _on_disk(repository, name, release.models.get(name, ModelRelease())) for name in names}
    if options.json:
        out(json.dumps({"repository": repository.place, "models": models}, indent=2, ensure_ascii=False))
    elif not models:
        out(f"No models in {repository.place}.")
    else:
        out(table(("model", "version", "accuracy", "created", "labels", "pinned", "note"), flat(models)))
    return 0


def _on_disk(repository: VersionStore, name: str, model: ModelRelease) -> list[dict[str, Any]]:
    incomplete = repository.incomplete(name)
    rows = []
    for version in sorted({*repository.versions(name), *incomplete, *model.versions}, reverse=True):
        facts = _NOT_WHOLE if version in incomplete else _from_card(repository, name, version)
        rows.append({"version": version, **facts, **released(model, version)})
    return rows


def _from_card(repository: VersionStore, name: str, version: int) -> dict[str, Any]:
    if not any(graph in repository.files(name, version) for graph in GRAPHS):
        return {**_NOTHING, "note": "no SavedModel here"}
    try:
        card = repository.card(name, version)
    except CardError as error:
        return {**_NOTHING, "note": f"card: {error}"}
    if card is None:
        return {**_NOTHING, "note": "no card"}
    return {"accuracy": card.metrics.get("accuracy"), "created": card.created, "note": ""}
