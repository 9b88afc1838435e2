"""The release state, ``release.json`` in the root of the model repository: the one truth about what serves.

The operator's CLI writes it, the gateway reads it, ``models.config`` is rendered from it. All values are immutable: a
change makes a new `Release`, written by one atomic rename, so a reader meets the old or the new, never a mixture.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from contract.versions import PublishError, check_name

FILE_NAME = "release.json"
STABLE = "stable"
CANARY = "canary"
Split = Literal["client", "request"]
# What the file keeps of the past: enough to look back on, little enough for a ConfigMap.
MOST_ENTRIES = 200
MOST_REPORTS = 20


class ReleaseError(ValueError):
    """A release state that cannot be understood or contradicts itself."""


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that was done: when (ISO 8601, UTC), what, to which version; an automatic rollout has a report."""

    at: str
    action: str
    version: int
    note: str = ""
    report: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AutomaticRollout:
    """An automatic rollout under way, so that it can go on after its operator's process died.

    Attributes:
        version: The version that is rolled out.
        steps: The shares of traffic it goes through, in percent, ascending to 100.
        step: Which of them is in force, from 0.
        since: When that began, ISO 8601 in UTC.
        every_s: How long each step is watched, seconds.
    """

    version: int
    steps: tuple[float, ...]
    step: int
    since: str
    every_s: float

    def __post_init__(self) -> None:
        if (
            not self.steps
            or list(self.steps) != sorted(set(self.steps))
            or not 0 < self.steps[0] <= self.steps[-1] <= 100
        ):
            raise ReleaseError(f"steps must ascend, above 0 and up to 100. Received: {list(self.steps)}")
        if not 0 <= self.every_s < math.inf:
            raise ReleaseError(f"every_s must be a number of seconds. Received: {self.every_s}")
        if not 0 <= self.step < len(self.steps):
            raise ReleaseError(f"step must be one of {len(self.steps)}, from 0. Received: {self.step}")


@dataclass(frozen=True)
class ModelRelease:
    """What serves of one model.

    Attributes:
        versions: The versions that model servers keep loaded, ascending.
        labels: Version by label; ``stable`` is what callers get who name neither version nor label.
        canary_percent: The share of unpinned traffic that goes to the version labelled ``canary``, 0 to 100.
        split: What stays together at one version: ``client``, all requests of one; ``request``, nothing.
        shadow: A version that gets copies of requests, or None.
        shadow_percent: The share of requests that are copied to it, 0 to 100.
        previous: The version that a rollback returns to, kept loaded; None if there is none.
        rollout: The automatic rollout under way, or None.
        history: What was done, oldest first.
    """

    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    canary_percent: float = 0.0
    split: Split = "client"
    shadow: int | None = None
    shadow_percent: float = 100.0
    previous: int | None = None
    rollout: AutomaticRollout | None = None
    history: tuple[HistoryEntry, ...] = ()

    def __post_init__(self) -> None:
        if list(self.versions) != sorted(set(self.versions)):
            raise ReleaseError(f"versions must ascend without repeats. Received: {list(self.versions)}")
        for label, version in self.labels.items():
            if version not in self.versions:
                raise ReleaseError(f"label {label!r} must name one of {list(self.versions)}. Received: {version}")
        for name, percent in (("canary_percent", self.canary_percent), ("shadow_percent", self.shadow_percent)):
            if not 0 <= percent <= 100:
                raise ReleaseError(f"{name} must be from 0 to 100. Received: {percent}")
        if self.canary_percent and CANARY not in self.labels:
            raise ReleaseError(
                f"canary_percent without a version labelled {CANARY!r} must be 0. Received: {self.canary_percent}"
            )
        if self.split not in get_args(Split):
            raise ReleaseError(f"split must be one of {list(get_args(Split))}. Received: {self.split!r}")
        rolled_out = None if self.rollout is None else self.rollout.version
        for name, named in (("shadow", self.shadow), ("previous", self.previous), ("rollout's version", rolled_out)):
            if named is not None and named not in self.versions:
                raise ReleaseError(f"{name} must be one of {list(self.versions)}. Received: {named}")

    @property
    def used(self) -> tuple[int, ...]:
        """The versions that something names, ascending; others in `versions` are on their way in or out."""
        rolled_out = None if self.rollout is None else self.rollout.version
        named = {*self.labels.values(), self.shadow, self.previous, rolled_out}
        return tuple(sorted(version for version in named if version is not None))

    def with_entry(self, entry: HistoryEntry) -> ModelRelease:
        """The same with one more entry in its history, and without what is too old to be kept."""
        kept = (*self.history, entry)[-MOST_ENTRIES:]
        too_many = sum(one.report is not None for one in kept) - MOST_REPORTS
        history = []
        for one in kept:
            drops = one.report is not None and too_many > 0
            too_many -= drops
            history.append(replace(one, report=None) if drops else one)
        return replace(self, history=tuple(history))


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
            return cls({check_name(name): _model(value) for name, value in models.items()})
        except (ReleaseError, PublishError) as error:
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
        versions=tuple(_version(version) for version in value["versions"]),
        labels={str(label): _version(version) for label, version in value["labels"].items()},
        canary_percent=float(value.get("canary_percent", 0)),
        split=value.get("split", "client"),
        shadow=_version_or_none(value.get("shadow")),
        shadow_percent=float(value.get("shadow_percent", 100)),
        previous=_version_or_none(value.get("previous")),
        rollout=_rollout(value.get("rollout")),
        history=tuple(_entry(entry) for entry in value.get("history", ())),
    )


def _rollout(value: Mapping[str, Any] | None) -> AutomaticRollout | None:
    if value is None:
        return None
    return AutomaticRollout(
        version=_version(value["version"]),
        steps=tuple(float(step) for step in value["steps"]),
        step=int(value["step"]),
        since=str(value["since"]),
        every_s=float(value["every_s"]),
    )


def _entry(value: Mapping[str, Any]) -> HistoryEntry:
    """What this release knows of; a newer one may have written more, and gateways of this one serve on."""
    names = {one.name for one in fields(HistoryEntry)}
    return HistoryEntry(**{name: found for name, found in value.items() if name in names})


def _version(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or str(value) != str(number):
        raise ReleaseError(f"a version must be a whole number. Received: {value!r}")
    return number


def _version_or_none(value: Any) -> int | None:
    return None if value is None else _version(value)
