"""The release state, ``release.json`` in the root of the model repository: the one truth about what serves.

The operator's CLI writes it, the gateway reads it, ``models.config`` is rendered from it. All values are immutable: a
change makes a new `Release`, written by one atomic rename, so a reader meets the old or the new, never a mixture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

FILE_NAME = "release.json"
STABLE = "stable"
CANARY = "canary"


class ReleaseError(ValueError):
    """A release state that cannot be understood or contradicts itself."""


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that an operator did: when (ISO 8601, UTC), what, to which version."""

    at: str
    action: str
    version: int
    note: str = ""


@dataclass(frozen=True)
class ModelRelease:
    """What serves of one model.

    Attributes:
        versions: The versions that model servers keep loaded, ascending.
        labels: Version by label; ``stable`` is what callers get who name neither version nor label.
        canary_percent: The share of unpinned traffic that goes to the version labelled ``canary``, 0 to 100.
        shadow: A version that gets copies of requests, or None.
        history: What was done, oldest first.
    """

    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    canary_percent: float = 0.0
    shadow: int | None = None
    history: tuple[HistoryEntry, ...] = ()

    def __post_init__(self) -> None:
        if list(self.versions) != sorted(set(self.versions)):
            raise ReleaseError(f"versions must ascend without repeats. Received: {list(self.versions)}")
        for label, version in self.labels.items():
            if version not in self.versions:
                raise ReleaseError(f"label {label!r} must name one of {list(self.versions)}. Received: {version}")
        if not 0 <= self.canary_percent <= 100:
            raise ReleaseError(f"canary_percent must be from 0 to 100. Received: {self.canary_percent}")
        if self.shadow is not None and self.shadow not in self.versions:
            raise ReleaseError(f"shadow must be one of {list(self.versions)}. Received: {self.shadow}")


@dataclass(frozen=True)
class Release:
    """What serves, by model name."""

    models: Mapping[str, ModelRelease] = field(default_factory=dict)

    def with_model(self, name: str, model: ModelRelease) -> Release:
        """The release with one model's state replaced or added."""
        return replace(self, models={**self.models, name: model})

    def to_json(self) -> str:
        """The state as JSON, readable by people."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Release:
        """Reads the state.

        Raises:
            ReleaseError: Not JSON, of another shape, or at odds with itself.
        """
        try:
            models = json.loads(text)["models"]
            return cls({name: _model(value) for name, value in models.items()})
        except ReleaseError as error:
            raise ReleaseError(f"{FILE_NAME}: {error}") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReleaseError(f"{FILE_NAME} is not a release state: {type(error).__name__}: {error}") from None

    @classmethod
    def read(cls, repository: Path) -> Release:
        """The state of a repository; empty where nothing was released yet. Raises ReleaseError as `from_json` does."""
        try:
            return cls.from_json((repository / FILE_NAME).read_bytes())
        except FileNotFoundError:
            return cls()


def _model(value: Mapping[str, Any]) -> ModelRelease:
    return ModelRelease(
        versions=tuple(int(version) for version in value["versions"]),
        labels={str(label): int(version) for label, version in value["labels"].items()},
        canary_percent=float(value.get("canary_percent", 0)),
        shadow=value.get("shadow"),
        history=tuple(HistoryEntry(**entry) for entry in value.get("history", ())),
    )
