"""What a model repository holds of a model already: the version that is live, and the runs behind the versions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.card import ModelCard
from contract.release import STABLE, Release, ReleaseError
from contract.versions import PublishError, version_numbers
from training.runs import Run


@dataclass(frozen=True)
class Version:
    """A version in the repository.

    Attributes:
        folder: ``<repository>/<name>/<number>``.
    """

    folder: Path

    @property
    def number(self) -> int:
        """Its integer."""
        return int(self.folder.name)

    def read_card(self) -> ModelCard:
        """Its card. Raises OSError or CardError where it has none that can be read."""
        return ModelCard.from_json((self.folder / "assets.extra" / "card.json").read_bytes())

    def read_report(self) -> dict[str, Any]:
        """The report of its training and export; empty where it has none that can be read."""
        try:
            report = json.loads((self.folder / "assets.extra" / "report.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return report if isinstance(report, dict) else {}


def live_version(repository: Path, name: str) -> Version | None:
    """The version that answers now: ``stable`` in ``release.json``, else the highest number, else None.

    Raises:
        PublishError: ``release.json`` cannot be understood.
    """
    try:
        release = Release.read(repository).models.get(name)
    except ReleaseError as error:
        raise PublishError(f"{repository} does not tell which version is live: {error}") from error
    model_dir = repository / name
    number = release.labels.get(STABLE) if release else None
    if number is None:
        number = max(version_numbers(model_dir), default=None)
    return None if number is None else Version(model_dir / str(number))


def fingerprint(run: Run) -> str:
    """What tells a run from all others, wherever its folder lies: SHA-256 of its model and card."""
    digest = hashlib.sha256()
    for path in (run.model, run.card):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def version_of(run: Run, repository: Path, name: str) -> Version | None:
    """The version that was exported from this very run, if there is one; the newest of several."""
    wanted = fingerprint(run)
    model_dir = repository / name
    for number in reversed(version_numbers(model_dir)):
        version = Version(model_dir / str(number))
        if version.read_report().get("run", {}).get("fingerprint") == wanted:
            return version
    return None
