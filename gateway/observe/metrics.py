"""Prometheus metrics, right across worker processes where the launcher set up prometheus_client's folder for them.

No label takes a value of a client's choosing: routes are rules, methods those of HTTP, models and versions those that
have answered, and of those only so many.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from contract import metrics as names
from gateway.classify.answer import Answer, Refusal, Result, Stage
from gateway.observe.tallies import OTHER, CounterTally, Family, HistogramTally, Labels, LabelValues

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"
# How far the counts of other workers may lag behind in an exposition.
HAND_OVER_S = 0.2
OK = "ok"
# Of each version, in the order of its card; a thousand classes would be a thousand time series.
_MOST_LABELS = 200
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVABLE = ("model", "version")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BYTES = tuple(float(4**power << 10) for power in range(9))  # 1 KiB .. 64 MiB
_PICTURES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


class Metrics:
    """The metrics of one process, and their sum over all. For one event loop, but for `exposition`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._families: list[Family[CounterTally] | Family[HistogramTally]] = []
        self._requests = self.counters(
            "vitrine_http_requests_total", "Requests by route, method and status.", "route", "method", "status"
        )
        self._request_seconds = self.histograms(
            "vitrine_http_request_seconds", "Seconds from a request's arrival to its answer's end.", _SECONDS, "route"
        )
        self._upload_bytes = self.histograms("vitrine_upload_bytes", "Bytes of a request's body.", _BYTES, "route")
        self._errors = self.counters("vitrine_errors_total", "Error answers by their code.", "code")
        self._images = self.counters(
            "vitrine_images_total", "Pictures by result: ok, or the code of the reason why not.", *_SERVABLE, "result"
        )
        self._known = self.counters(
            names.KNOWN, "Classified pictures by whether the model knows what they show.", *_SERVABLE, "known"
        )
        self._predicted = self.counters(
            "vitrine_predicted_total", "Classified pictures by their top class.", *_SERVABLE, "label"
        )
        self._confidence = self.histograms(names.CONFIDENCE, "The top class's probability.", _CONFIDENCES, *_SERVABLE)
        self._stage_seconds = self.histograms(
            "vitrine_stage_seconds",
            "Seconds of a classification by stage: decode, queue (until its first call left), predict, render.",
            _SECONDS,
            *_SERVABLE,
            "stage",
        )
        self._retries = self.counters(
            "vitrine_version_retries_total",
            "Retries because a version was swapped away while it was asked.",
            *_SERVABLE,
        )
        self._batches = self.histograms(
            "vitrine_upstream_batch_pictures", "Pictures in one call to the model server.", _PICTURES, "model"
        )
        self._gauges = {
            "inflight": self._gauge("vitrine_inflight_classifications", "Classifications being answered now."),
            "buffered_bytes": self._gauge("vitrine_buffered_bytes", "Bytes of uploads held now."),
            "shadow_bytes": self._gauge("vitrine_shadow_bytes", "Bytes of copies for shadow versions held now."),
            "breaker_open": self._gauge(
                "vitrine_breaker_open", "Workers that ask nothing of a model server that is away."
            ),
        }
        # Of all workers, dead ones too, whose counts stay: the first one's start.
        started = "When counting began: the first worker's start, in seconds since 1970."
        self._gauge(names.START_TIME, started, "min").set(time.time())
        self._watched: dict[str, Callable[[], float]] = {}
        self._servables = LabelValues()

    def http(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request that was answered; `route` is its rule, never its path."""
        self._requests[route, method if method in _METHODS else OTHER, str(status)].count += 1
        self._request_seconds[(route,)].observe(seconds)

    def upload(self, route: str, count: int) -> None:
        """Counts a request's body of so many bytes."""
        self._upload_bytes[(route,)].observe(count)

    def error(self, code: str) -> None:
        """Counts an error answer."""
        self._errors[(code,)].count += 1

    def classified(self, answer: Answer, rendered: Stage | None = None) -> None:
        """Counts a classification: its pictures, how sure the model was, and where the time went."""
        servable = self.servable(answer.resolved.model, answer.resolved.version)
        self._pictures(servable, answer.results, answer.card.labels)
        seconds = self._stage_seconds
        seconds[(*servable, "decode")].observe(answer.decode_ms / 1000)
        seconds[(*servable, "queue")].observe(answer.queue_ms / 1000)
        seconds[(*servable, "predict")].observe(answer.predict_ms / 1000)
        if rendered is not None:
            seconds[(*servable, "render")].observe(rendered.ended - rendered.began)
        if answer.retries:
            self._retries[servable].count += answer.retries

    def upstream_call(self, model: str, pictures: int) -> None:
        """Counts a call to the model server."""
        self._batches[(model,)].observe(pictures)

    def watch(self, **gauges: Callable[[], float]) -> None:
        """Has gauges read now and then: `inflight`, `buffered_bytes`, `shadow_bytes`, `breaker_open`."""
        unknown = set(gauges) - set(self._gauges)
        if unknown:
            raise ValueError(f"Expected gauges among {sorted(self._gauges)}. Received: {sorted(unknown)}")
        self._watched |= gauges

    def hand_over(self) -> None:
        """Makes what was counted so far visible to all processes."""
        for family in self._families:
            family.hand_over()
        for name, read in self._watched.items():
            self._gauges[name].set(read())

    async def keep_handing_over(self) -> None:
        """Hands over every `HAND_OVER_S` seconds until it is cancelled, and once more then."""
        try:
            while True:
                self.hand_over()
                await asyncio.sleep(HAND_OVER_S)
        finally:
            self.hand_over()

    def exposition(self) -> bytes:
        """The text format: of all worker processes if there are several, else of this one. From any thread."""
        if MULTIPROCESS_DIR not in os.environ:
            self.hand_over()
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)

    def counters(self, name: str, text: str, *labels: str) -> Family[CounterTally]:
        """A new counter of that name, with a tally for each combination of label values."""
        metric = Counter(name, text, labels, registry=self._registry)
        family = Family(lambda values: CounterTally(metric.labels(*values)))
        self._families.append(family)
        return family

    def histograms(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> Family[HistogramTally]:
        """A new histogram of that name with these upper bounds, as `counters`."""
        metric = Histogram(name, text, labels, buckets=bounds, registry=self._registry)
        family = Family(lambda values: HistogramTally(metric.labels(*values)))
        self._families.append(family)
        return family

    def servable(self, model: str, version: int) -> Labels:
        """Label values; versions beyond the first so many are counted together."""
        return self._servables.of(model, version)

    def _pictures(self, servable: Labels, results: Sequence[Result], labels: Sequence[str]) -> None:
        # The label values are put together once a request, not once a picture.
        classified = known = unknown = 0
        predicted = self._predicted
        observe = self._confidence[servable].observe
        for result in results:
            if isinstance(result, Refusal):
                self._images[(*servable, result.code)].count += 1
                continue
            classified += 1
            known += result.known is True
            unknown += result.known is False
            top = result.confidence
            observe(float(result.probabilities.max()) if top is None else top)
            place = int(result.probabilities.argmax()) if result.top is None else result.top
            predicted[(*servable, labels[place] if place < _MOST_LABELS else OTHER)].count += 1
        self._images[(*servable, OK)].count += classified
        if known or unknown:
            self._known[(*servable, "true")].count += known
            self._known[(*servable, "false")].count += unknown

    def _gauge(self, name: str, text: str, over_workers: Literal["livesum", "min"] = "livesum") -> Gauge:
        return Gauge(name, text, multiprocess_mode=over_workers, registry=self._registry)
