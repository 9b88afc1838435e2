"""The metrics by which two versions are compared: what each was asked, how it did, and how long it took."""

from __future__ import annotations

from contract import metrics as names
from gateway.observe.metrics import OK, Metrics
from gateway.versions.trail import Trail

# Steps of a half: fine enough to tell the 95th percentiles of two versions apart. 1 ms to 25 s.
SECONDS = tuple(float(f"{0.001 * 1.5**step:.3g}") for step in range(26))


class TrailMetrics:
    """A part of `Metrics`: counts versions, where `Metrics` counts requests and pictures."""

    def __init__(self, metrics: Metrics) -> None:
        self._servable = metrics.servable
        self._answers = metrics.counters(
            names.ANSWERS,
            "Classifications by the version asked: ok, failed by the model's or its server's fault, or refused.",
            "model",
            "version",
            "outcome",
        )
        self._fallbacks = metrics.counters(
            names.FALLBACKS,
            "Classifications for which this canary failed and the stable version answered.",
            "model",
            "version",
        )
        self._seconds = metrics.histograms(
            names.VERSION_SECONDS,
            "Seconds of a classification at the version: queue and predict.",
            SECONDS,
            "model",
            "version",
        )

    def count(self, trail: Trail) -> None:
        """Counts the versions that one request asked."""
        for resolved, outcome, seconds in trail.asked:
            servable = self._servable(resolved.model, resolved.version)
            self._answers[(*servable, outcome)].count += 1
            if outcome == OK:
                self._seconds[servable].observe(seconds)
        failed = trail.fell_back_from
        if failed is not None:
            self._fallbacks[self._servable(failed.model, failed.version)].count += 1
