"""What several commands show of a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contract.release import ModelRelease

Rows = Mapping[str, Sequence[dict[str, Any]]]


def released(model: ModelRelease, version: int) -> dict[str, Any]:
    """What the release state says of a version."""
    labels = sorted(label for label, labelled in model.labels.items() if labelled == version)
    return {"labels": labels, "pinned": version in model.versions}


def flat(models: Rows) -> list[dict[str, Any]]:
    """All models' rows, each with its model's name."""
    return [{"model": name, **row} for name, rows in models.items() for row in rows]
