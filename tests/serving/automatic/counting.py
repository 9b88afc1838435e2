"""Metrics as a gateway exposes them, made of what versions are to have done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

BOUNDS = tuple(0.001 * 1.5**power for power in range(24))


@dataclass
class Metrics:
    """A gateway's counters of one model, growing by what it is told."""

    model: str = "digits"
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        of, pair = ("model", "version"), ("model", "version", "shadow")
        self._answers = Counter("vitrine_answers_total", "", (*of, "outcome"), registry=self.registry)
        self._seconds = Histogram("vitrine_version_seconds", "", of, buckets=BOUNDS, registry=self.registry)
        self._known = Counter("vitrine_known_total", "", (*of, "known"), registry=self.registry)
        self._confidence = Histogram("vitrine_confidence", "", of, registry=self.registry)
        self._copies = Counter("vitrine_shadow_requests_total", "", (*pair, "outcome"), registry=self.registry)
        self._pictures = Counter("vitrine_shadow_pictures_total", "", (*pair, "agrees"), registry=self.registry)
        self._difference = Histogram("vitrine_shadow_difference", "", pair, registry=self.registry)
        self._shadow_seconds = Histogram(
            "vitrine_shadow_seconds", "", (*pair, "side"), buckets=BOUNDS, registry=self.registry
        )

    def answered(
        self, version: int, count: int, *, failed: int = 0, seconds: Sequence[float] = (0.01,), unknown: int = 0
    ) -> None:
        """So many requests of a picture each were asked of a version; the seconds come in turn."""
        of = (self.model, str(version))
        self._answers.labels(*of, "ok").inc(count - failed)
        self._answers.labels(*of, "failed").inc(failed)
        self._known.labels(*of, "true").inc(count - failed - unknown)
        self._known.labels(*of, "false").inc(unknown)
        for place in range(count):
            self._seconds.labels(*of).observe(seconds[place % len(seconds)])
            self._confidence.labels(*of).observe(0.9)

    def copied(
        self, version: int, shadow: int, count: int, *, differs: int = 0, failed: int = 0, seconds: float = 0.01
    ) -> None:
        """So many answers of a version were copied to its shadow, of a picture each."""
        of = (self.model, str(version), str(shadow))
        self._copies.labels(*of, "ok").inc(count - failed)
        self._copies.labels(*of, "failed").inc(failed)
        self._pictures.labels(*of, "true").inc(count - failed - differs)
        self._pictures.labels(*of, "false").inc(differs)
        for _ in range(count):
            self._difference.labels(*of).observe(0.02)
            self._shadow_seconds.labels(*of, "version").observe(0.01)
            self._shadow_seconds.labels(*of, "shadow").observe(seconds)

    def text(self) -> str:
        """The exposition."""
        return generate_latest(self.registry).decode()


def bucket_of(seconds: float) -> tuple[float, float]:
    """The bounds of the bucket that a time falls into."""
    above = next((bound for bound in BOUNDS if seconds <= bound), math.inf)
    return max((bound for bound in BOUNDS if bound < seconds), default=0.0), above
