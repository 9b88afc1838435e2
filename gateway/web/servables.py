"""What the page lets choose between: models, their labels, their versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gateway.versions.resolve import Wanted


@dataclass(frozen=True)
class Servable:
    """One choice.

    Attributes:
        value: As a query: ``model=digits&label=stable``.
        text: What people read.
    """

    value: str
    text: str


@dataclass(frozen=True)
class Choices:
    """All choices of one model."""

    model: str
    servables: tuple[Servable, ...]


def query_of(wanted: Wanted) -> str:
    """A wish as a query; what is left to the gateway is left out."""
    parts = {"model": wanted.model, "version": wanted.version, "label": wanted.label}
    return urlencode({name: value for name, value in parts.items() if value is not None})


def choices(described: Sequence[dict[str, Any]]) -> list[Choices]:
    """The choices among models.

    Args:
        described: As `Catalogue.models` gives them.
    """
    return [Choices(model["name"], tuple(_servables(model))) for model in described]


def names_alone(names: Sequence[str]) -> list[Choices]:
    """The choices while nobody tells which versions there are."""
    return [Choices(name, (Servable(query_of(Wanted(name)), "as released"),)) for name in names]


def _servables(model: dict[str, Any]) -> list[Servable]:
    name = model["name"]
    loaded = sorted((one["version"] for one in model["versions"] if one["state"] == "AVAILABLE"), reverse=True)
    labels = {label: version for label, version in sorted(model["labels"].items()) if version in loaded}
    found = [Servable(query_of(Wanted(name)), "as released")]
    for label, version in labels.items():
        found.append(Servable(query_of(Wanted(name, label=label)), f"{label} (version {version})"))
    # One version alone is what "as released" means.
    if len(loaded) > 1:
        found += [Servable(query_of(Wanted(name, version=version)), f"version {version}") for version in loaded]
    return found if len(loaded) > 1 else found[:1]
