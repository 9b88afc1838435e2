"""A candidate beside the stable version, in the figures that an automatic rollout goes by too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contract.histogram import Histogram
from gateway.web.operations.exposition import Counts, PairCounts, VersionCounts

Kind = Literal["canary", "shadow"]


@dataclass(frozen=True)
class Figures:
    """How one version fares. Shares are of 1; None where nothing was counted.

    Attributes:
        requests: Classifications that it answered or failed.
        failed: Those that it failed.
        refused: Those beside them that were the caller's fault; None where none can be.
        fallbacks: Those that stable answered in its place; None where there is no such thing.
        dropped: Copies that were not sent, for the shadow was busy; None but for a shadow.
        error_rate: The share of the requests that it failed.
        p50_ms: Half of the requests took less than this, milliseconds.
        p95_ms: 95% of them did.
        unknown_rate: The share of pictures that show none of the classes.
        confidence: The top class's mean probability.
    """

    requests: int = 0
    failed: int | None = None
    refused: int | None = None
    fallbacks: int | None = None
    dropped: int | None = None
    error_rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    unknown_rate: float | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Two versions, and what was seen of them since counting began.

    Attributes:
        kind: How the candidate gets its requests: as ``canary`` its own, as ``shadow`` copies of stable's.
        stable: The one that it is compared with.
        candidate: Its version.
        of_stable: The one's figures; beside a shadow, of the copied requests alone.
        of_candidate: The other's.
        pictures: How many pictures both were asked about.
        agreement: The share of them for which both name the same top class.
        difference: The mean over them of the mean absolute difference of their probabilities.
        seconds: How long both took, stable first.
        confidence: How sure both were, stable first.
    """

    kind: Kind
    stable: int
    candidate: int
    of_stable: Figures
    of_candidate: Figures
    pictures: int
    agreement: float | None
    difference: float | None
    seconds: tuple[Histogram | None, Histogram | None]
    confidence: tuple[Histogram | None, Histogram | None]


def figures(counts: VersionCounts) -> Figures:
    """What users' requests tell of a version."""
    answers = counts.answers
    return Figures(
        requests=int(answers.get("ok", 0) + answers.get("failed", 0)),
        failed=int(answers.get("failed", 0)),
        refused=int(answers.get("refused", 0)),
        fallbacks=int(counts.fallbacks),
        error_rate=_share(answers, "failed", "ok"),
        p50_ms=_quantile_ms(counts.seconds, 0.5),
        p95_ms=_quantile_ms(counts.seconds, 0.95),
        unknown_rate=_share(counts.known, "false", "true"),
        confidence=counts.confidence.mean if counts.confidence else None,
    )


def canary(counts: Counts, model: str, stable: int, candidate: int) -> Comparison:
    """Two versions that users' requests went to; if the candidate gets copies too, what these tell of agreement."""
    both = counts.version(model, stable), counts.version(model, candidate)
    of_stable, of_candidate = figures(both[0]), figures(both[1])
    seconds = both[0].seconds, both[1].seconds
    confidence = both[0].confidence, both[1].confidence
    told = _agreement(counts.pair(model, stable, candidate))
    return Comparison("canary", stable, candidate, of_stable, of_candidate, *told, seconds, confidence)


def shadow(counts: Counts, model: str, stable: int, candidate: int) -> Comparison:
    """The stable version and one that gets copies of its requests."""
    pair = counts.pair(model, stable, candidate)
    seconds = pair.seconds.get("version"), pair.seconds.get("shadow")
    requests = pair.requests
    asked = int(requests.get("ok", 0) + requests.get("failed", 0))
    of_stable = Figures(asked, p50_ms=_quantile_ms(seconds[0], 0.5), p95_ms=_quantile_ms(seconds[0], 0.95))
    of_candidate = Figures(
        requests=asked,
        failed=int(requests.get("failed", 0)),
        dropped=int(requests.get("dropped", 0)),
        error_rate=_share(requests, "failed", "ok"),
        p50_ms=_quantile_ms(seconds[1], 0.5),
        p95_ms=_quantile_ms(seconds[1], 0.95),
    )
    told = _agreement(pair)
    return Comparison("shadow", stable, candidate, of_stable, of_candidate, *told, seconds, (None, None))


def _agreement(pair: PairCounts) -> tuple[int, float | None, float | None]:
    """How many pictures both were asked about, the share on which they agree, the mean difference."""
    pictures = int(sum(pair.agrees.values()))
    return pictures, _share(pair.agrees, "true", "false"), pair.difference.mean if pair.difference else None


def _share(counts: Mapping[str, float], of: str, beside: str) -> float | None:
    whole = counts.get(of, 0) + counts.get(beside, 0)
    return counts.get(of, 0) / whole if whole else None


def _quantile_ms(seconds: Histogram | None, share: float) -> float | None:
    found = seconds.quantile(share) if seconds else None
    return None if found is None else 1000 * found
