"""``list``: the versions in the repository."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from contract.card import CardError
from contract.release import ModelRelease, Release
from serving.commands import options as shared
from serving.commands.rows import flat, released
from serving.repository import ModelRepository, looks_like_saved_model
from serving.tables import Say, table

if TYPE_CHECKING:
    from serving.commands.options import Subparsers


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("list", help="the versions in the repository")
    shared.add_repository(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Every version in the repository, with what its card and the release state say."""
    repository, release = ModelRepository(options.repository), Release.read(options.repository)
    names = sorted({*repository.models(), *release.models})
    models = {name: _on_disk(repository, name, release.models.get(name, ModelRelease())) for name in names}
    if options.json:
        out(json.dumps({"repository": str(options.repository), "models": models}, indent=2, ensure_ascii=False))
    elif not models:
        out(f"No models in {options.repository}.")
    else:
        out(table(("model", "version", "accuracy", "created", "labels", "pinned", "note"), flat(models)))
    return 0


def _on_disk(repository: ModelRepository, name: str, model: ModelRelease) -> list[dict[str, Any]]:
    versions = sorted({*repository.versions(name), *model.versions}, reverse=True)
    return [
        {"version": version, **_from_card(repository, name, version), **released(model, version)}
        for version in versions
    ]


def _from_card(repository: ModelRepository, name: str, version: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"accuracy": None, "created": "", "note": ""}
    if not looks_like_saved_model(repository.path(name, version)):
        return {**facts, "note": "no SavedModel here"}
    try:
        card = repository.card(name, version)
    except CardError as error:
        return {**facts, "note": f"card: {error}"}
    if card is None:
        return {**facts, "note": "no card"}
    return {"accuracy": card.metrics.get("accuracy"), "created": card.created, "note": ""}
