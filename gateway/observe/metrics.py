"""Prometheus metrics, right across worker processes where the launcher set up prometheus_client's folder for them."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The instruments of one application, and their sum over all its processes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "vitrine_http_requests_total",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self.request_seconds = Histogram(
            "vitrine_http_request_seconds",
            "Seconds from a request's arrival to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.images = Counter(
            "vitrine_images_total",
            "Pictures by model, version and result: ok, or the code of the reason why not.",
            ("model", "version", "result"),
            registry=self._registry,
        )
        self.stage_seconds = Histogram(
            "vitrine_stage_seconds",
            "Seconds of a classification by stage: decode or predict.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.errors = Counter(
            "vitrine_errors_total", "Error answers by their code.", ("code",), registry=self._registry
        )
        self.swaps = Counter(
            "vitrine_version_retries_total",
            "Retries because a version was swapped away while it was asked.",
            registry=self._registry,
        )
        self.inflight = Gauge(
            "vitrine_inflight_classifications",
            "Classifications being answered now.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def exposition(self) -> bytes:
        """The text format: of all worker processes if there are several, else of this one."""
        if MULTIPROCESS_DIR not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)
