"""The gateway's own metrics as counts by version and by pair of versions, from their text format."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from contract import metrics as names
from contract.histogram import Histogram

# The parser is written in Python: it is spared the lines that nobody here reads.
_COUNTED = (
    names.ANSWERS,
    names.FALLBACKS,
    names.KNOWN,
    names.VERSION_SECONDS,
    names.CONFIDENCE,
    names.SHADOW_PICTURES,
    names.SHADOW_DIFFERENCE,
    names.SHADOW_SECONDS,
    names.SHADOW_REQUESTS,
)
_READ = (*(name.removesuffix("_total") for name in _COUNTED), names.START_TIME)


@dataclass(frozen=True)
class VersionCounts:
    """What users' requests made of one version.

    Attributes:
        answers: Requests by outcome: ``ok``, ``failed`` (the version's fault), ``refused`` (the caller's).
        fallbacks: Requests for which it failed and stable answered.
        known: Pictures by whether the model knows what they show: ``true``, ``false``.
        seconds: Of whole classifications.
        confidence: The top class's probability.
    """

    answers: Mapping[str, float] = field(default_factory=dict)
    fallbacks: float = 0
    known: Mapping[str, float] = field(default_factory=dict)
    seconds: Histogram | None = None
    confidence: Histogram | None = None


@dataclass(frozen=True)
class PairCounts:
    """What copies of requests tell of a version and the shadow beside it.

    Attributes:
        agrees: Pictures by whether both name the same top class: ``true``, ``false``.
        requests: Copies by outcome: ``ok``, ``failed``, ``dropped``.
        difference: The mean absolute difference of a picture's probabilities.
        seconds: Of the same requests, by side: ``version``, ``shadow``.
    """

    agrees: Mapping[str, float] = field(default_factory=dict)
    requests: Mapping[str, float] = field(default_factory=dict)
    difference: Histogram | None = None
    seconds: Mapping[str, Histogram] = field(default_factory=dict)


class Counts:
    """Everything that was counted, looked up by model and version.

    Attributes:
        since: When counting began; None if the metrics do not tell.
    """

    def __init__(self, exposition: bytes) -> None:
        """Reads Prometheus's text format, version 0.0.4."""
        self._values: dict[tuple[str, str], list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(_relevant(exposition.decode())):
            for sample in family.samples:
                self._values[sample.name, sample.labels.get("model", "")].append((sample.labels, sample.value))
        started = self._values.get((names.START_TIME, ""))
        self.since = datetime.fromtimestamp(min(value for _, value in started), UTC) if started else None

    def version(self, model: str, version: int) -> VersionCounts:
        """One version's counts; nothing but zeros for one that nobody asked."""
        of = {"version": str(version)}
        return VersionCounts(
            answers=self._by(names.ANSWERS, model, "outcome", of),
            fallbacks=sum(self._by(names.FALLBACKS, model, "version", of).values()),
            known=self._by(names.KNOWN, model, "known", of),
            seconds=self._histogram(names.VERSION_SECONDS, model, of),
            confidence=self._histogram(names.CONFIDENCE, model, of),
        )

    def pair(self, model: str, version: int, shadow: int) -> PairCounts:
        """The counts of requests that `version` answered and that were copied to `shadow`."""
        of = {"version": str(version), "shadow": str(shadow)}
        sides = {
            side: self._histogram(names.SHADOW_SECONDS, model, of | {"side": side}) for side in ("version", "shadow")
        }
        return PairCounts(
            agrees=self._by(names.SHADOW_PICTURES, model, "agrees", of),
            requests=self._by(names.SHADOW_REQUESTS, model, "outcome", of),
            difference=self._histogram(names.SHADOW_DIFFERENCE, model, of),
            seconds={side: found for side, found in sides.items() if found is not None},
        )

    def _found(self, name: str, model: str, of: Mapping[str, str]) -> list[tuple[Mapping[str, str], float]]:
        samples = self._values.get((name, model), [])
        return [(labels, value) for labels, value in samples if of.items() <= labels.items()]

    def _by(self, name: str, model: str, label: str, of: Mapping[str, str]) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for labels, value in self._found(name, model, of):
            sums[labels.get(label, "")] += value
        return dict(sums)

    def _histogram(self, name: str, model: str, of: Mapping[str, str]) -> Histogram | None:
        cumulative: dict[float, float] = defaultdict(float)
        for bound, count in self._by(f"{name}_bucket", model, "le", of).items():
            cumulative[float(bound)] += count
        if not cumulative or not math.isinf(max(cumulative)):
            return None
        total = sum(value for _, value in self._found(f"{name}_sum", model, of))
        return Histogram.from_buckets(cumulative.items(), total)


def _relevant(text: str) -> str:
    """The lines about what is read here; of a comment, the third word is its metric's name."""
    lines = []
    for line in text.splitlines():
        name = line.split(" ", 3)[2] if line.startswith("# ") and line.count(" ") >= 3 else line
        if name.startswith(_READ):
            lines.append(line)
    return "\n".join(lines) + "\n"
