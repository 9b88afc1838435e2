"""What a run's files say, as plain values. Every file but the card may be missing: runs of older releases lack some."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from contract.card import ModelCard
from training.errors import RunError
from training.report.words import printable
from training.runs import Run

Json = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Facts:
    """The files of a run, read. A key that is missing raises KeyError: whoever needs it does without.

    Attributes:
        folder: Where pictures are looked for.
        card: The ModelCard.
        report: ``report.json``: all figures.
        history: ``history.json``: one object an epoch.
        settings: ``settings.json``: what the training was started with.
        inspection: ``data/inspection.json``: what the pictures looked like before the training.
    """

    folder: Path
    card: ModelCard
    report: Json
    history: list[Json]
    settings: Json
    inspection: Json

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The K class names."""
        return tuple(printable(label) for label in self.card.labels)

    @property
    def source(self) -> str:
        """The data set: a built-in one's name, or a path."""
        return str(self.settings.get("dataset", {}).get("source") or self.report["dataset"])

    @property
    def tested(self) -> int:
        """How many test pictures the figures were measured on."""
        return int(self.report["counts"]["test"])

    @property
    def preset(self) -> Json:
        """The preset's settings, as the training used them."""
        preset: Json = self.report["settings"]["preset"]
        return preset

    @property
    def skipped(self) -> list[Json]:
        """Files that could not be read: ``file`` and ``reason``."""
        found: list[Json] = self.inspection.get("skipped") or self.report.get("skipped") or []
        return found

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return int(self.report["settings"]["epochs"])

    @property
    def seed(self) -> int:
        """The seed of split, weights and order."""
        return int(self.report["settings"]["seed"])


def read_facts(run: Run) -> Facts:
    """Reads a finished run.

    Raises:
        RunError: The run is not finished, or one of its files is no JSON of the expected shape.
    """
    folder = run.folder
    return Facts(
        folder=folder,
        card=run.read_card(),
        report=_read(run.report, {}),
        history=_read(run.history, []),
        settings=_read(folder / "settings.json", {}),
        inspection=_read(folder / "data" / "inspection.json", {}),
    )


def _read(path: Path, missing: _T) -> _T:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return missing
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, type(missing)):
        wanted = "object" if isinstance(missing, dict) else "list"
        raise RunError(f"Expected {path} to hold a JSON {wanted}. Received: a {type(value).__name__}")
    cleaned: _T = clean(value)
    return cleaned


def clean(value: Any) -> Any:
    """Labels and file names are whatever a folder held: here, once, they become text that every format takes."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): clean(item) for key, item in value.items()}
    return value
