"""How each version of a model fares: what the release state wants of it against what every replica says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from contract.release import CANARY, STABLE, ModelRelease
from serving.replicas import ReplicaStatus

SERVING = "serving"
UNKNOWN = "unknown: no replica answers"
NOT_SEEN = "not seen"
_MISSING = "missing"


@dataclass(frozen=True)
class VersionHealth:
    """One version of a model.

    Attributes:
        version: Its number.
        labels: Its version labels, sorted.
        pinned: Model servers are to keep it loaded.
        shadow: It gets copies of requests.
        previous: A rollback would return to it.
        share: Its share of the traffic that names no version, in percent.
        copies: The share of requests of which it gets a copy, in percent.
        health: ``serving`` if it is pinned and AVAILABLE on every replica that answers, otherwise what is amiss.
        states: What every replica that answers says of it.
    """

    version: int
    labels: list[str]
    pinned: bool
    shadow: bool
    previous: bool
    share: float
    copies: float
    health: str
    states: dict[str, str] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """False if it is to serve and does not, somewhere."""
        return not self.pinned or self.health == SERVING

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def health(model: ModelRelease, seen: Sequence[ReplicaStatus]) -> list[VersionHealth]:
    """Every version that is pinned, or that some replica has something to say of, newest first."""
    there = [one for one in seen if not one.away]
    told = {status.version for one in there for status in one.versions if status.state != "END" or status.error}
    return [_health(model, version, there) for version in sorted(told | set(model.versions), reverse=True)]


def _health(model: ModelRelease, version: int, there: Sequence[ReplicaStatus]) -> VersionHealth:
    pinned = version in model.versions
    return VersionHealth(
        version=version,
        labels=sorted(label for label, labelled in model.labels.items() if labelled == version),
        pinned=pinned,
        shadow=model.shadow == version,
        previous=model.previous == version,
        share=_share(model, version),
        copies=model.shadow_percent if model.shadow == version else 0.0,
        health=_amiss(version, there, pinned=pinned),
        states={one.replica: _state(one, version) for one in there},
    )


def _share(model: ModelRelease, version: int) -> float:
    canary = model.canary_percent if model.labels.get(CANARY) == version else 0.0
    stable = 100.0 - model.canary_percent if model.labels.get(STABLE) == version else 0.0
    return canary + stable


def _amiss(version: int, there: Sequence[ReplicaStatus], *, pinned: bool) -> str:
    if not there:
        return UNKNOWN
    by_state: dict[str, list[str]] = {}
    for one in there:
        by_state.setdefault(_word(one, version), []).append(one.replica)
    serving = by_state.pop(SERVING, [])
    if pinned:
        return "; ".join(_worded(by_state, there)) or SERVING
    by_state.pop(_MISSING, None)
    loaded = {"still loaded": serving} if serving else {}
    return "; ".join(["not pinned", *_worded({**loaded, **by_state}, there)])


def _worded(by_state: dict[str, list[str]], there: Sequence[ReplicaStatus]) -> list[str]:
    return [f"{word}{_where(replicas, there)}" for word, replicas in sorted(by_state.items())]


def _where(replicas: Sequence[str], there: Sequence[ReplicaStatus]) -> str:
    return "" if len(replicas) == len(there) else f" on {len(replicas)} of {len(there)} ({', '.join(replicas)})"


def _word(replica: ReplicaStatus, version: int) -> str:
    status = replica.of(version)
    if status is None:
        return _MISSING
    if status.available:
        return SERVING
    if status.error:
        return f"failing: {status.error}"
    return {"START": "loading", "LOADING": "loading", "UNLOADING": "unloading"}.get(status.state, _MISSING)


def _state(replica: ReplicaStatus, version: int) -> str:
    found = replica.of(version)
    if found is None:
        return NOT_SEEN
    return f"{found.state}: {found.error}" if found.error else found.state
