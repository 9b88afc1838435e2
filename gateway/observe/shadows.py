"""The metrics of shadow versions: each compared with the version that answered the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from contract import metrics as names
from gateway.observe.metrics import Metrics
from gateway.observe.tallies import LabelValues
from gateway.observe.trails import SECONDS

Outcome = Literal["ok", "failed", "dropped"]
_PAIR = ("model", "version", "shadow")
# A mean over K labels is at most 2/K, so what matters differs by orders of magnitude between models.
_DIFFERENCES = (*(float(f"{digit}e-{place}") for place in range(6, 0, -1) for digit in (1, 2, 5)), 1.0)


class ShadowMetrics:
    """Counts what became of copies. For one event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counters(
            names.SHADOW_REQUESTS,
            "Requests chosen for a shadow version by what became of the copy: ok, failed, or dropped for want of room.",
            *_PAIR,
            "outcome",
        )
        self._pictures = metrics.counters(
            names.SHADOW_PICTURES, "Pictures by whether both versions' top class has the same name.", *_PAIR, "agrees"
        )
        self._difference = metrics.histograms(
            names.SHADOW_DIFFERENCE,
            "Mean absolute difference of a picture's probabilities, over the labels of both versions.",
            _DIFFERENCES,
            *_PAIR,
        )
        self._seconds = metrics.histograms(
            names.SHADOW_SECONDS,
            "Seconds in which the model server was asked, waiting included, for the same requests of either version.",
            SECONDS,
            *_PAIR,
            "side",
        )
        self._pairs = LabelValues()

    def request(self, model: str, version: int, shadow: int, outcome: Outcome) -> None:
        """Counts one request by what became of its copy."""
        self._requests[(*self._pairs.of(model, version, shadow), outcome)].count += 1

    def compared(
        self,
        model: str,
        version: int,
        shadow: int,
        *,
        agrees: Sequence[bool],
        differences: Sequence[float],
        seconds: tuple[float, float],
    ) -> None:
        """Counts one request that both versions answered: picture by picture, and `seconds` of (version, shadow)."""
        pair = self._pairs.of(model, version, shadow)
        same = sum(agrees)
        self._pictures[(*pair, "true")].count += same
        self._pictures[(*pair, "false")].count += len(agrees) - same
        observe = self._difference[pair].observe
        for difference in differences:
            observe(difference)
        for side, took in zip(("version", "shadow"), seconds, strict=True):
            self._seconds[(*pair, side)].observe(took)
