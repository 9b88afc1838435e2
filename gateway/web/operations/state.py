"""One model as operators see it: its versions, what is under way, how a candidate compares, what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.release import CANARY, STABLE, AutomaticRollout, HistoryEntry, ModelRelease
from gateway.web.operations import comparison, traffic
from gateway.web.operations.comparison import Comparison, Figures
from gateway.web.operations.exposition import Counts
from gateway.web.operations.health import Health, health
from gateway.web.values import finite

UNKNOWN = "UNKNOWN"
MISSING = "NOT LOADED"
_END = "END"


@dataclass(frozen=True)
class VersionState:
    """One version.

    Attributes:
        version: Its number.
        state: On the model server: START, LOADING, AVAILABLE, UNLOADING, END; NOT LOADED if the server does not name
            it, UNKNOWN if nobody says.
        labels: Those that the release gives it, and what else it is kept for: ``shadow``, ``previous``.
        percent: Its share now of the requests that name neither version nor label.
        meant_percent: Its share by the release, whatever is loaded.
        copied_percent: The share of all requests that are copied to it.
        health: Whether all is well with it.
        accuracy: On the test set, from its card; None if that is not known.
        created: When it was trained, from its card, ISO 8601; empty if that is not known.
        figures: What this gateway counted of it.
    """

    version: int
    state: str
    labels: tuple[str, ...]
    percent: float
    meant_percent: float
    copied_percent: float
    health: Health
    accuracy: float | None
    created: str
    figures: Figures

    @property
    def candidate(self) -> bool:
        """True if it is a canary, and not stable itself."""
        return CANARY in self.labels and STABLE not in self.labels


@dataclass(frozen=True)
class UnderWay:
    """A canary or a shadow.

    Attributes:
        version: Which one.
        percent: Its share.
        since: When it was made so, ISO 8601; empty if the history does not tell.
    """

    version: int
    percent: float
    since: str


@dataclass(frozen=True)
class ModelState:
    """One model.

    Attributes:
        name: Its name.
        released: False if no release state knows it.
        trouble: Why the model server told nothing of it; empty if it did.
        split: What stays together at one version: ``client`` or ``request``.
        versions: The newest first.
        canary: The canary; None without one.
        shadow: The shadow; None without one.
        previous: What a rollback returns to; None if there is nothing.
        rollout: The automatic rollout under way.
        comparisons: A candidate beside the stable version, each.
        history: What was done, the newest first.
    """

    name: str
    released: bool
    trouble: str
    split: str
    versions: tuple[VersionState, ...]
    canary: UnderWay | None
    shadow: UnderWay | None
    previous: int | None
    rollout: AutomaticRollout | None
    comparisons: tuple[Comparison, ...]
    history: tuple[HistoryEntry, ...]


def model_state(
    name: str,
    release: ModelRelease | None,
    described: Mapping[str, Any] | None,
    counts: Counts,
    *,
    trouble: str = "",
) -> ModelState:
    """Puts together what is known of a model.

    Args:
        name: The model's.
        release: Its release state; None if there is none.
        described: As `Catalogue.model` gives it; None if the model server told nothing.
        counts: The gateway's own.
        trouble: Why it told nothing.
    """
    state = release or ModelRelease()
    canary = state.labels.get(CANARY)
    return ModelState(
        name=name,
        released=release is not None,
        trouble=trouble,
        split=state.split,
        versions=_versions(name, release, described, counts),
        canary=None if canary is None else UnderWay(canary, state.canary_percent, _since(state, CANARY, canary)),
        shadow=None
        if state.shadow is None
        else UnderWay(state.shadow, state.shadow_percent, _since(state, "shadow", state.shadow)),
        previous=state.previous,
        rollout=state.rollout,
        comparisons=_comparisons(name, state, counts),
        history=tuple(reversed(state.history)),
    )


def _versions(
    name: str, release: ModelRelease | None, described: Mapping[str, Any] | None, counts: Counts
) -> tuple[VersionState, ...]:
    state = release or ModelRelease()
    told = {one["version"]: one for one in described["versions"]} if described else {}
    # A server remembers versions that it once had; what nobody wants back is not worth a row.
    kept = {version for version, one in told.items() if one["state"] != _END or (release is None and one.get("error"))}
    loaded = {version for version, one in told.items() if one["state"] == "AVAILABLE"}
    meant = traffic.meant(state)
    now = traffic.actual(state, loaded) if described else meant
    absent = {"state": UNKNOWN if described is None else MISSING}
    return tuple(
        _version(
            version, state, told.get(version, absent), (now, meant), comparison.figures(counts.version(name, version))
        )
        for version in sorted({*state.versions, *kept}, reverse=True)
    )


def _version(
    version: int,
    release: ModelRelease,
    told: Mapping[str, Any],
    shares: tuple[Mapping[int, float], Mapping[int, float]],
    figures: Figures,
) -> VersionState:
    card = told.get("card") or {}
    return VersionState(
        version=version,
        state=told["state"],
        labels=_labels(version, release),
        percent=shares[0].get(version, 0.0),
        meant_percent=shares[1].get(version, 0.0),
        copied_percent=release.shadow_percent if release.shadow == version else 0.0,
        health=health(told["state"], told.get("error", ""), wanted=version in release.versions, figures=figures),
        accuracy=finite(card.get("metrics", {}).get("accuracy")),
        created=str(card.get("created", "")),
        figures=figures,
    )


def _labels(version: int, release: ModelRelease) -> tuple[str, ...]:
    named = [label for label, labelled in release.labels.items() if labelled == version]
    named += ["shadow"] if release.shadow == version else []
    named += ["previous"] if release.previous == version and STABLE not in named else []
    return tuple(dict.fromkeys(named))


def _comparisons(name: str, release: ModelRelease, counts: Counts) -> tuple[Comparison, ...]:
    """The canary's and the shadow's; a version that is both has one, of its own requests."""
    stable, candidate = release.labels.get(STABLE), release.labels.get(CANARY)
    found = []
    if stable is not None and candidate not in {None, stable}:
        found.append(comparison.canary(counts, name, stable, candidate or 0))
    if stable is not None and release.shadow not in {None, stable, candidate}:
        found.append(comparison.shadow(counts, name, stable, release.shadow or 0))
    return tuple(found)


def _since(release: ModelRelease, action: str, version: int) -> str:
    """When a version was last made what it is."""
    return next(
        (entry.at for entry in reversed(release.history) if (entry.action, entry.version) == (action, version)), ""
    )
