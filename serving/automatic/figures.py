"""What `Counts` say of one version, and of a pair of which one is the other's shadow."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract import metrics as names
from contract.histogram import Histogram
from serving.automatic.counts import Counts


@dataclass(frozen=True)
class Figures:
    """One version over some time.

    Attributes:
        requests: Classifications that it answered or failed; those refused for the caller's fault do not count.
        failed: Those of them at which the model server or the model's answer was at fault.
        seconds: Of whole classifications.
        known: Classified pictures that show something the model knows, by its card's threshold.
        unknown: Those that do not: "none of these".
        confidence: The mean probability of the top class, None where nothing was classified.
    """

    requests: int = 0
    failed: int = 0
    seconds: Histogram = field(default_factory=Histogram)
    known: int = 0
    unknown: int = 0
    confidence: float | None = None

    @property
    def error_rate(self) -> float | None:
        """Failed among all, None without requests."""
        return self.failed / self.requests if self.requests else None

    @property
    def unknown_rate(self) -> float | None:
        """Pictures of none of the classes among all, None where the card has no threshold."""
        pictures = self.known + self.unknown
        return self.unknown / pictures if pictures else None


@dataclass(frozen=True)
class Comparison:
    """A version beside its shadow, on the same pictures.

    Attributes:
        requests: Copies that the shadow answered or failed.
        failed: Those that it failed.
        dropped: Copies that were not made, because too many were under way.
        agrees: Pictures with the same top class.
        differs: Pictures with another one.
        difference: The mean absolute difference of probabilities, None where nothing was compared.
        version_seconds: How long the version took for the requests that were copied.
        shadow_seconds: How long the shadow took for the copies.
    """

    requests: int = 0
    failed: int = 0
    dropped: int = 0
    agrees: int = 0
    differs: int = 0
    difference: float | None = None
    version_seconds: Histogram = field(default_factory=Histogram)
    shadow_seconds: Histogram = field(default_factory=Histogram)

    @property
    def agreement(self) -> float | None:
        """Pictures with the same top class among all, None without pictures."""
        pictures = self.agrees + self.differs
        return self.agrees / pictures if pictures else None

    @property
    def as_version(self) -> Figures:
        """What is known of the version that answered the users, from the copied requests alone."""
        return Figures(requests=self.requests, seconds=self.version_seconds)

    @property
    def as_shadow(self) -> Figures:
        """What is known of the shadow, as if users had asked it."""
        return Figures(requests=self.requests, failed=self.failed, seconds=self.shadow_seconds)


def figures(counts: Counts, version: int) -> Figures:
    """What the counts say of one version."""
    of = {"version": str(version)}
    failed = _count(counts, names.ANSWERS, **of, outcome="failed")
    return Figures(
        requests=_count(counts, names.ANSWERS, **of, outcome="ok") + failed,
        failed=failed,
        seconds=_histogram(counts, names.VERSION_SECONDS, **of),
        known=_count(counts, names.KNOWN, **of, known="true"),
        unknown=_count(counts, names.KNOWN, **of, known="false"),
        confidence=_histogram(counts, names.CONFIDENCE, **of).mean,
    )


def comparison(counts: Counts, version: int, shadow: int) -> Comparison:
    """What the counts say of a version that answered and its shadow."""
    of = {"version": str(version), "shadow": str(shadow)}
    failed = _count(counts, names.SHADOW_REQUESTS, **of, outcome="failed")
    return Comparison(
        requests=_count(counts, names.SHADOW_REQUESTS, **of, outcome="ok") + failed,
        failed=failed,
        dropped=_count(counts, names.SHADOW_REQUESTS, **of, outcome="dropped"),
        agrees=_count(counts, names.SHADOW_PICTURES, **of, agrees="true"),
        differs=_count(counts, names.SHADOW_PICTURES, **of, agrees="false"),
        difference=_histogram(counts, names.SHADOW_DIFFERENCE, **of).mean,
        version_seconds=_histogram(counts, names.SHADOW_SECONDS, **of, side="version"),
        shadow_seconds=_histogram(counts, names.SHADOW_SECONDS, **of, side="shadow"),
    )


def _found(counts: Counts, name: str, wanted: dict[str, str]) -> list[tuple[dict[str, str], float]]:
    found = [(dict(labels), value) for (sample, labels), value in counts.items() if sample == name]
    return [(labels, value) for labels, value in found if wanted.items() <= labels.items()]


def _count(counts: Counts, name: str, **wanted: str) -> int:
    return round(sum(value for _, value in _found(counts, name, wanted)))


def _histogram(counts: Counts, name: str, **wanted: str) -> Histogram:
    buckets = ((float(at["le"]), value) for at, value in _found(counts, f"{name}_bucket", wanted))
    return Histogram.from_buckets(buckets, sum(value for _, value in _found(counts, f"{name}_sum", wanted)))
