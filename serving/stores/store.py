"""What every place for versions can do, and how it says that a version is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from contract.card import ModelCard


class ManifestError(ValueError):
    """A manifest that cannot be understood."""


@dataclass(frozen=True)
class Entry:
    """A file as it was published."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Every file of a version, written after them all: a version that has one is whole.

    Attributes:
        source: What tells one SavedModel from another, whatever number it gets.
        files: By their path inside the version.
    """

    source: str
    files: Mapping[str, Entry]

    def to_json(self) -> str:
        """As JSON, readable by people."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Reads a manifest. Raises ManifestError."""
        try:
            content = json.loads(text)
            files = {str(path): Entry(int(one["size"]), str(one["sha256"])) for path, one in content["files"].items()}
            return cls(str(content["source"]), files)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"Expected a manifest. Received: {type(error).__name__}: {error}") from None


class VersionStore(Protocol):
    """Versions of models, ``<place>/<name>/<version>/``. Reads the place at every call and keeps nothing."""

    @property
    def place(self) -> str:
        """The folder or the URL, for people and, where it is absolute, for model servers."""

    def models(self) -> list[str]:
        """The names of all models with at least one version, sorted."""

    def versions(self, name: str) -> list[int]:
        """The whole versions of a model, ascending. Raises PublishError if that is not a model's name."""

    def incomplete(self, name: str) -> list[int]:
        """The versions that are there and not whole, ascending; a folder has none, as far as it can know."""

    def where(self, name: str, version: int) -> str:
        """The folder or the URL of a version."""

    def files(self, name: str, version: int) -> dict[str, int]:
        """Every file of a version: its path inside it, ``/`` between folders, and its size in bytes."""

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of one of a version's files. Raises FileNotFoundError where there is none."""

    def manifest(self, name: str, version: int) -> Manifest | None:
        """What the files were when they were published; None where that is not recorded. Raises ManifestError."""

    def card(self, name: str, version: int) -> ModelCard | None:
        """The card of a version, None where it has none. Raises CardError if it cannot be understood."""

    def add(self, name: str, source: Path) -> int:
        """Copies a SavedModel in as the next version, whole or not at all, and gives its number.

        Raises:
            PublishError: `source` is no SavedModel, or `name` is not a model name.
            CardError: The card in `source` cannot be understood.
            OSError: The place cannot be written.
        """

    def same_as_newest(self, name: str, source: Path) -> int | None:
        """The newest version, if it is a copy of `source` (but for the number in its card); otherwise None."""

    def remove(self, name: str, version: int) -> None:
        """Deletes a version. A reader, or a crash at any moment, meets all of it or none."""

    def clean(self, name: str) -> list[str]:
        """Deletes what was left by removals and uploads that were killed, and says what that was."""
