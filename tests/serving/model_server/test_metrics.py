"""The Prometheus page: TensorFlow Serving's own names, labels, buckets and format."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import input_pb2

from serving.model_server.errors import InvalidArgument
from serving.model_server.metrics import Counter, Metrics, Sampler
from serving.model_server.monitoring_config import read_prometheus_path


def test_a_counter_is_a_line_for_each_combination_of_labels() -> None:
    counter = Counter("name")
    counter.add("b")
    counter.add("abc", amount=2)
    assert list(counter.lines(":test:total")) == [':test:total{name="abc"} 2', ':test:total{name="b"} 1']


def test_a_label_with_quotes_backslashes_and_line_breaks_is_escaped() -> None:
    counter = Counter("name")
    counter.add('"abc\\"\n')
    assert list(counter.lines("total")) == [r'total{name="\"abc\\\"\n"} 1']


def test_names_that_callers_make_up_share_a_line_once_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.model_server.metrics._MOST_CELLS", 2)
    counter, sampler = Counter("name", "status"), Sampler("name", scale=1, growth=2, count=1)
    for name in ("m", "x" * 2**20, "y", "z", "m"):
        counter.add(name, "OK")
        sampler.add(name, sample=1)
    lines = [f'n{{name="{"x" * 1024}",status="OK"}} 1', 'n{name="(others)",status="(others)"} 2']
    assert sorted(counter.lines("n")) == sorted(['n{name="m",status="OK"} 2', *lines])
    assert 'n_count{name="(others)"} 2' in sampler.lines("n")


def test_a_sample_on_a_limit_falls_into_the_bucket_above_it() -> None:
    histogram = Sampler("status", scale=1, growth=2, count=10)
    for sample in (2, 20, 200):
        histogram.add("good", sample=sample)
    limits = ["1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "+Inf"]
    counts = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    buckets = [f'h_bucket{{status="good",le="{limit}"}} {n}' for limit, n in zip(limits, counts, strict=True)]
    assert list(histogram.lines("h")) == [*buckets, 'h_sum{status="good"} 222', 'h_count{status="good"} 3']


def test_a_request_is_counted_by_status_and_timed_if_it_was_good() -> None:
    metrics, now_s = Metrics(), time.perf_counter()
    metrics.record_request("m", "OK", api="Predict", entrypoint="GRPC", started_s=now_s - 1000)
    metrics.record_request("m", "NOT_FOUND", api="predict", entrypoint="REST", started_s=now_s)
    page = metrics.text().decode().splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in page
    assert ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1' in page
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1' in page
    latency = ":tensorflow:serving:request_latency"
    labels = 'model_name="m",API="Predict",entrypoint="GRPC"'
    assert f'{latency}_bucket{{{labels},le="708235"}} 0' in page
    assert f'{latency}_bucket{{{labels},le="8.19309e+08"}} 0' in page
    assert f'{latency}_bucket{{{labels},le="1.47476e+09"}} 1' in page
    assert f'{latency}_bucket{{{labels},le="+Inf"}} 1' in page
    assert f"{latency}_sum{{{labels}}} 1e+09" in page
    assert f"{latency}_count{{{labels}}} 1" in page
    assert not any("REST" in line for line in page)


def test_a_load_is_counted_as_success_or_failure_with_its_time() -> None:
    metrics = Metrics()
    with metrics.loading("/models/m/1"), metrics.warming_up("/models/m/1"):
        pass
    with pytest.raises(InvalidArgument), metrics.loading("/models/m/2"), metrics.warming_up("/models/m/2"):
        raise InvalidArgument("no")
    page = metrics.text().decode()
    assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="/models/m/1",status="success"} 1\n' in page
    assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="/models/m/2",status="fail"} 1\n' in page
    assert ':tensorflow:cc:saved_model:load_latency{model_path="/models/m/1"} ' in page
    warmup = ":tensorflow:serving:model_warmup_latency_count"
    assert f'{warmup}{{model_path="/models/m/1",status="OK"}} 1\n' in page
    assert f'{warmup}{{model_path="/models/m/2",status="INVALID_ARGUMENT: no"}} 1\n' in page


def test_examples_are_summed_and_sampled() -> None:
    metrics = Metrics()
    for count in (3, 5):
        examples = input_pb2.Input()
        examples.example_list.examples.extend([example_pb2.Example()] * count)
        metrics.record_examples("m", examples)
    page = metrics.text().decode()
    assert ':tensorflow:serving:request_example_count_total{model="m"} 8\n' in page
    assert ':tensorflow:serving:request_example_counts_bucket{model="m",le="4"} 1\n' in page


def test_a_timed_run_gives_what_the_run_gives_and_counts_it() -> None:
    metrics = Metrics()
    outputs = {"y": np.zeros(1)}
    run = metrics.timed(lambda *_, **__: outputs, "m", "Predict")
    assert run(None, "serving_default", {}, [], timeout_ms=0) is outputs  # type: ignore[arg-type]
    assert 'runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 1\n' in metrics.text().decode()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config { enable: false path: '/metrics' }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ("prometheus_config: { enable: true, path: '/metrics' }", "/metrics"),
    ],
)
def test_the_configuration_says_whether_and_where(tmp_path: Path, text: str, path: str | None) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert read_prometheus_path(file) == path


def test_a_configuration_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus { enable: true }")
    with pytest.raises(InvalidArgument, match="Invalid protobuf file"):
        read_prometheus_path(file)
