"""What the server counts and times, and the Prometheus page of it: names, labels and buckets as in TensorFlow Serving.

Times are in microseconds there. The page differs from what `prometheus_client` would write (counters without
``_total``, names that start with a colon), so that dashboards made for TensorFlow Serving work unchanged.
"""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from serving.model_server.inference.predict import Runner
from serving.model_server.inference.servable import Servable, Tensors

# Whoever calls chooses a model's name, and could fill the memory with others.
_MOST_CELLS = 10_000
_LONGEST_VALUE = 1024
_OTHERS = "(others)"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Counter:
    """A number for every combination of label values, which only grows. Thread-safe."""

    kind = "counter"

    def __init__(self, *labels: str) -> None:
        """`labels`: their names."""
        self._labels = labels
        self._lock = threading.Lock()
        self._cells: dict[tuple[str, ...], int] = {}

    def add(self, *values: str, amount: int = 1) -> None:
        """Adds to the cell of these label values."""
        with self._lock:
            values = _bounded(self._cells, values)
            self._cells[values] = self._cells.get(values, 0) + amount

    def lines(self, name: str) -> Iterator[str]:
        """The cells in Prometheus' text format."""
        with self._lock:
            cells = sorted(self._cells.items())
        for values, total in cells:
            yield f"{name}{{{_labels(self._labels, values)}}} {total}"


class Sampler:
    """A histogram for every combination of label values. Thread-safe."""

    kind = "histogram"

    def __init__(self, *labels: str, scale: float, growth: float, count: int) -> None:
        """`labels`: their names. The limits of the `count` buckets are `scale` x `growth` to the power of 0, 1, 2."""
        self._labels = labels
        self._limits = [scale * growth**power for power in range(count)]
        self._lock = threading.Lock()
        self._cells: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, *values: str, sample: float) -> None:
        """Adds a sample to the cell of these label values."""
        bucket = bisect_right(self._limits, sample)
        with self._lock:
            values = _bounded(self._cells, values)
            cell = self._cells.get(values)
            if cell is None:
                cell = self._cells[values] = ([0] * (len(self._limits) + 1), [0.0])
            cell[0][bucket] += 1
            cell[1][0] += sample

    def lines(self, name: str) -> Iterator[str]:
        """The cells in Prometheus' text format."""
        with self._lock:
            cells = sorted((values, list(buckets), total[0]) for values, (buckets, total) in self._cells.items())
        limits = [*(f"{limit:g}" for limit in self._limits), "+Inf"]
        for values, buckets, total in cells:
            labels, count = _labels(self._labels, values), 0
            before_limit = f"{labels}," if labels else ""
            for limit, size in zip(limits, buckets, strict=True):
                count += size
                yield f'{name}_bucket{{{before_limit}le="{limit}"}} {count}'
            yield f"{name}_sum{{{labels}}} {total:g}"
            yield f"{name}_count{{{labels}}} {count}"


def _latency(*labels: str) -> Sampler:
    """10 microseconds to 25 minutes."""
    return Sampler(*labels, scale=10, growth=1.8, count=33)


class Metrics:
    """All metrics of one server."""

    def __init__(self) -> None:
        self.load_attempts = Counter("model_path", "status")
        self.load_latency = Counter("model_path")
        self.warmup_latency = _latency("model_path", "status")
        self.example_total = Counter("model")
        self.example_counts = Sampler("model", scale=1, growth=2, count=15)
        self.requests = Counter("model_name", "status")
        self.request_latency = _latency("model_name", "API", "entrypoint")
        self.runtime_latency = _latency("model_name", "API", "runtime")
        self._by_name: dict[str, Counter | Sampler] = {
            "/tensorflow/cc/saved_model/load_attempt_count": self.load_attempts,
            "/tensorflow/cc/saved_model/load_latency": self.load_latency,
            "/tensorflow/serving/model_warmup_latency": self.warmup_latency,
            "/tensorflow/serving/request_count": self.requests,
            "/tensorflow/serving/request_example_count_total": self.example_total,
            "/tensorflow/serving/request_example_counts": self.example_counts,
            "/tensorflow/serving/request_latency": self.request_latency,
            "/tensorflow/serving/runtime_latency": self.runtime_latency,
        }

    def include(self, by_name: Mapping[str, Counter | Sampler]) -> None:
        """Puts further metrics on the page, by their names in TensorFlow Serving."""
        self._by_name.update(by_name)

    def record_request(self, model: str, status: str, *, api: str, entrypoint: str, started_s: float) -> None:
        """One answered request.

        Args:
            model: The model's name, as the request has it.
            status: The canonical status name: ``OK``, ``INVALID_ARGUMENT``, …
            api: ``Predict``, ``Classify`` or ``Regress`` over gRPC, in lower case over REST, else empty.
            entrypoint: ``GRPC`` or ``REST``.
            started_s: When it came, by `time.perf_counter`; how long it took only counts if the status is OK.
        """
        self.requests.add(model, status)
        if status == "OK":
            self.request_latency.add(model, api, entrypoint, sample=_micros_since(started_s))

    def record_examples(self, model: str, examples: Any) -> None:
        """The examples of one Classify or Regress request: a ``tensorflow.serving.Input`` that is not empty."""
        count = len(getattr(examples, examples.WhichOneof("kind")).examples)
        self.example_counts.add(model, sample=count)
        self.example_total.add(model, amount=count)

    @contextmanager
    def loading(self, path: str) -> Iterator[None]:
        """Counts and times what loads the version in a directory."""
        started_s = time.perf_counter()
        try:
            yield
        except BaseException:
            self.load_attempts.add(path, "fail")
            raise
        self.load_attempts.add(path, "success")
        self.load_latency.add(path, amount=_micros_since(started_s))

    @contextmanager
    def warming_up(self, path: str) -> Iterator[None]:
        """Times what replays the warm-up requests of the version in a directory."""
        started_s, status = time.perf_counter(), "OK"
        try:
            yield
        except Exception as error:
            status = getattr(error, "described", str(error))
            raise
        finally:
            self.warmup_latency.add(path, status, sample=_micros_since(started_s))

    def timed(self, run: Runner, model: str, api: str) -> Runner:
        """`run`, with its time added to the model's ``runtime_latency``; `api` is in gRPC's words."""

        def timed_run(
            servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
        ) -> Tensors:
            started_s = time.perf_counter()
            arrays = run(servable, signature, inputs, outputs, timeout_ms=timeout_ms)
            self.runtime_latency.add(model, api, "TF1", sample=_micros_since(started_s))
            return arrays

        return timed_run

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        lines: list[str] = []
        for path, metric in sorted(self._by_name.items()):
            name = re.sub("[^a-zA-Z0-9_]", ":", path)
            lines.append(f"# TYPE {name} {metric.kind}")
            lines += metric.lines(name)
        return "\n".join([*lines, ""]).encode()


def _micros_since(started_s: float) -> int:
    return int((time.perf_counter() - started_s) * 1e6)


def _bounded(cells: Mapping[tuple[str, ...], object], values: tuple[str, ...]) -> tuple[str, ...]:
    """The label values of the cell to use for these: one for all of them once there are too many."""
    if values in cells:
        return values
    if len(cells) >= _MOST_CELLS:
        return (_OTHERS,) * len(values)
    return tuple(value[:_LONGEST_VALUE] for value in values)


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    escaped = (value.translate(_ESCAPES) for value in values)
    return ",".join(f'{name}="{value}"' for name, value in zip(names, escaped, strict=True))
