"""The operator's commands. Each says what it has to say, line by line, and gives the process's exit status."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.card import CardError
from contract.release import ModelRelease, Release
from contract.versions import PublishError
from serving import models_config
from serving.publish import Rollout, Say, answers
from serving.release_store import ReleaseStore
from serving.replicas import Replicas, ReplicaStatus
from serving.repository import ModelRepository, check_saved_model, looks_like_saved_model
from serving.tables import table

Rows = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True)
class Settings:
    """What every command needs to know.

    Attributes:
        repository: The model repository's folder.
        base_path: Where the model servers find it.
        replicas: Their gRPC addresses, ``host:port``.
        as_json: Print JSON for programs instead of text for people.
    """

    repository: Path
    base_path: str
    replicas: tuple[str, ...] = ()
    as_json: bool = False


@dataclass(frozen=True)
class Publication:
    """What is to go live, and how.

    Attributes:
        name: The model.
        source: A SavedModel to copy in as the next version; None for a version that the repository holds.
        version: That version; None for the newest.
        offline: Write the final state at once: no model server is running.
        dry_run: Say what would be done, and change nothing.
        timeout_s: How long model servers may take to load it.
    """

    name: str
    source: Path | None = None
    version: int | None = None
    offline: bool = False
    dry_run: bool = False
    timeout_s: float = 120.0


def list_versions(settings: Settings, out: Say) -> int:
    """Every version in the repository, with what its card and the release state say."""
    repository, release = ModelRepository(settings.repository), Release.read(settings.repository)
    names = sorted({*repository.models(), *release.models})
    models = {name: _on_disk(repository, name, release.models.get(name, ModelRelease())) for name in names}
    if settings.as_json:
        out(json.dumps({"repository": str(settings.repository), "models": models}, indent=2, ensure_ascii=False))
    elif not models:
        out(f"No models in {settings.repository}.")
    else:
        out(table(("model", "version", "accuracy", "created", "labels", "pinned", "note"), _flat(models)))
    return 0


def status(settings: Settings, out: Say) -> int:
    """Every version as the model servers report it; 1 if one of them does not answer."""
    release = Release.read(settings.repository)
    names = sorted({*ModelRepository(settings.repository).models(), *release.models})
    with Replicas(settings.replicas) as replicas:
        # Ask for some name even where there is no model yet, to know who answers.
        seen = {name: replicas.status(name) for name in names or ["-"]}
    away = {one.replica: one.away for statuses in seen.values() for one in statuses if one.away}
    models = {name: _reported(seen[name], release.models.get(name, ModelRelease())) for name in names}
    if settings.as_json:
        out(json.dumps({"replicas": list(settings.replicas), "away": away, "models": models}, indent=2))
        return 1 if away else 0
    answering = [address for address in settings.replicas if address not in away]
    if answering:
        rows = [{**row, **row["states"]} for row in _flat(models)]
        out(table(("model", "version", "labels", *answering), rows) if rows else "No models.")
    for address, reason in away.items():
        out(f"No model server answers at {address} ({reason}).")
    return 1 if away else 0


def publish(settings: Settings, order: Publication, out: Say) -> int:
    """Brings a version live and gives 0; whatever hinders it is raised."""
    repository = ModelRepository(settings.repository)
    store = ReleaseStore(settings.repository, settings.base_path)
    if order.dry_run:
        Rollout(store, order.name, _expected(repository, order), out).dry_run()
        return 0
    with Replicas(settings.replicas) as replicas, store.rollout(order.name):
        rollout = Rollout(store, order.name, _held_or_copied(repository, order, replicas, out), out)
        if order.offline:
            rollout.offline()
        else:
            rollout.online(replicas, order.timeout_s)
    return 0


def config(settings: Settings, out: Say) -> int:
    """``models.config`` for a base path."""
    out(models_config.render(Release.read(settings.repository), settings.base_path).rstrip("\n"))
    return 0


def _held(repository: ModelRepository, name: str, version: int | None) -> int:
    """A version that the repository holds, the newest if None."""
    held = repository.versions(name)
    version = max(held, default=None) if version is None else version
    if version is None or version not in held:
        raise PublishError(f"Expected a version of {name} in {repository.root}: {held}. Received: {version}")
    check_saved_model(repository.path(name, version))
    return version


def _held_or_copied(repository: ModelRepository, order: Publication, replicas: Replicas, out: Say) -> int:
    if order.source is None:
        return _held(repository, order.name, order.version)
    same = repository.same_as_newest(order.name, order.source)
    if same is not None:
        return same
    if not order.offline:
        answers(replicas, order.name)  # before the copy: without a model server nothing is to change
    version = repository.add(order.name, order.source)
    out(f"{order.source} is copied to {repository.path(order.name, version)}.")
    return version


def _expected(repository: ModelRepository, order: Publication) -> int:
    """The version that would go live, with nothing copied yet."""
    if order.source is None:
        return _held(repository, order.name, order.version)
    same = repository.same_as_newest(order.name, order.source)
    return max(repository.versions(order.name), default=0) + 1 if same is None else same


def _on_disk(repository: ModelRepository, name: str, model: ModelRelease) -> list[dict[str, Any]]:
    versions = sorted({*repository.versions(name), *model.versions}, reverse=True)
    return [
        {"version": version, **_from_card(repository, name, version), **_released(model, version)}
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


def _released(model: ModelRelease, version: int) -> dict[str, Any]:
    labels = sorted(label for label, labelled in model.labels.items() if labelled == version)
    return {"labels": labels, "pinned": version in model.versions}


def _reported(seen: Sequence[ReplicaStatus], model: ModelRelease) -> list[dict[str, Any]]:
    versions = {status.version for one in seen for status in one.versions} | set(model.versions)
    return [
        {
            "version": version,
            **_released(model, version),
            "states": {one.replica: _state(one, version) for one in seen if not one.away},
        }
        for version in sorted(versions, reverse=True)
    ]


def _state(replica: ReplicaStatus, version: int) -> str:
    found = replica.of(version)
    if found is None:
        return "not seen"
    return f"{found.state}: {found.error}" if found.error else found.state


def _flat(models: Rows) -> list[dict[str, Any]]:
    return [{"model": name, **row} for name, rows in models.items() for row in rows]
