"""Metrics: what operators ask of them, bounded in number, and added up over processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.classify.answer import Scores, Stage
from gateway.observe import metrics as module
from gateway.observe.metrics import MULTIPROCESS_DIR, Metrics
from tests import loops
from tests.conftest import ROOT
from tests.gateway.observe.samples import answer, samples


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.delenv(MULTIPROCESS_DIR, raising=False)
    return Metrics()


def test_requests_are_counted_by_route_method_and_status(metrics: Metrics) -> None:
    metrics.http("/", "GET", 200, 0.0005)
    metrics.http("/", "GET", 200, 0.3)
    metrics.http("/", "GET", 404, 99.0)
    found = samples(metrics.exposition())
    assert found['vitrine_http_requests_total{method="GET",route="/",status="200"}'] == 2
    assert found['vitrine_http_requests_total{method="GET",route="/",status="404"}'] == 1
    assert found['vitrine_http_request_seconds_bucket{le="0.001",route="/"}'] == 1
    assert found['vitrine_http_request_seconds_bucket{le="0.5",route="/"}'] == 2
    assert found['vitrine_http_request_seconds_bucket{le="+Inf",route="/"}'] == 3
    assert found['vitrine_http_request_seconds_count{route="/"}'] == 3
    assert found['vitrine_http_request_seconds_sum{route="/"}'] == pytest.approx(99.3005)


def test_a_value_on_a_bound_is_in_its_bucket_as_the_library_has_it(metrics: Metrics) -> None:
    metrics.upload("/", 1024)
    metrics.upload("/", 1025)
    found = samples(metrics.exposition())
    assert found['vitrine_upload_bytes_bucket{le="1024.0",route="/"}'] == 1
    assert found['vitrine_upload_bytes_bucket{le="4096.0",route="/"}'] == 2


def test_pictures_are_counted_by_model_version_and_result(metrics: Metrics) -> None:
    metrics.classified(answer(0.97, 0.35, "corrupt_image", known=True))
    metrics.classified(answer(0.2, known=False, version=3))
    metrics.classified(answer(0.2, known=None, version=4))
    found = samples(metrics.exposition())
    of_two, of_three = 'model="digits",result="{}",version="2"', 'model="digits",result="{}",version="3"'
    assert found[f"vitrine_images_total{{{of_two.format('ok')}}}"] == 2
    assert found[f"vitrine_images_total{{{of_two.format('corrupt_image')}}}"] == 1
    assert found[f"vitrine_images_total{{{of_three.format('ok')}}}"] == 1
    assert found['vitrine_known_total{known="true",model="digits",version="2"}'] == 2
    assert found['vitrine_known_total{known="false",model="digits",version="3"}'] == 1
    assert not [name for name in found if name.startswith("vitrine_known_total") and 'version="4"' in name]
    predicted = [count for name, count in found.items() if name.startswith("vitrine_predicted_total")]
    assert sum(predicted) == 4
    assert found['vitrine_confidence_bucket{le="0.4",model="digits",version="2"}'] == 1
    assert found['vitrine_confidence_bucket{le="0.99",model="digits",version="2"}'] == 2
    assert found['vitrine_version_retries_total{model="digits",version="2"}'] == 1


def test_pictures_are_counted_by_their_top_class_as_long_as_there_are_not_too_many(metrics: Metrics) -> None:
    few = answer(0.9)
    names = tuple(f"class{place}" for place in range(300))
    many = replace(
        few,
        card=replace(few.card, labels=names),
        results=tuple(
            Scores(np.eye(300, dtype=np.float32)[place], confidence=1.0, top=top)
            for place, top in ((7, 7), (7, None), (199, 199), (200, 200), (299, None))
        ),
    )
    metrics.classified(many)
    found = samples(metrics.exposition())
    counted = {name: count for name, count in found.items() if name.startswith("vitrine_predicted_total")}
    labels = {name.split('label="')[1].split('"')[0]: count for name, count in counted.items()}
    assert labels == {"class7": 2, "class199": 1, "other": 2}


def test_each_stage_has_its_seconds(metrics: Metrics) -> None:
    metrics.classified(answer(0.9), Stage("render", 5.0, 5.5, 1))
    found = samples(metrics.exposition())
    sums = {
        stage: found[f'vitrine_stage_seconds_sum{{model="digits",stage="{stage}",version="2"}}']
        for stage in ("decode", "queue", "predict", "render")
    }
    assert sums == pytest.approx({"decode": 0.002, "queue": 0, "predict": 0.004, "render": 0.5})


def test_batches_errors_and_gauges_are_told(metrics: Metrics) -> None:
    metrics.upstream_call("digits", 5)
    metrics.error("rate_limited")
    metrics.watch(inflight=lambda: 3, buffered_bytes=lambda: 4096, breaker_open=lambda: True)
    found = samples(metrics.exposition())
    assert found['vitrine_upstream_batch_pictures_bucket{le="4.0",model="digits"}'] == 0
    assert found['vitrine_upstream_batch_pictures_bucket{le="8.0",model="digits"}'] == 1
    assert found['vitrine_errors_total{code="rate_limited"}'] == 1
    assert found["vitrine_inflight_classifications{}"] == 3
    assert found["vitrine_buffered_bytes{}"] == 4096
    assert found["vitrine_breaker_open{}"] == 1


def test_a_gauge_that_is_none_is_refused(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="Received: \\['queue'\\]"):
        metrics.watch(queue=lambda: 0)


def test_no_client_can_make_time_series(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.observe.tallies.MOST_VALUES", 20)
    for number in range(30):
        metrics.http("/", f"BREW{number}", 405, 0.1)
        metrics.classified(answer(0.9, model=f"model{number}"))
    found = samples(metrics.exposition())
    assert found['vitrine_http_requests_total{method="other",route="/",status="405"}'] == 30
    counted = {name: value for name, value in found.items() if name.startswith("vitrine_images_total")}
    assert len(counted) == 21
    assert counted['vitrine_images_total{model="other",result="ok",version="other"}'] == 10


def test_counts_are_handed_over_once(metrics: Metrics) -> None:
    metrics.error("bug")
    for _ in range(3):
        metrics.hand_over()
    assert samples(metrics.exposition())['vitrine_errors_total{code="bug"}'] == 1


_WORKER = """
import asyncio, os, sys
from gateway.observe.metrics import Metrics
from tests.gateway.observe.samples import answer

async def work():
    metrics = Metrics()
    metrics.watch(inflight=lambda: 1)
    metrics.classified(answer(0.97, "corrupt_image", known=True))
    metrics.http("/", "GET", 200, 0.25)
    task = asyncio.create_task(metrics.keep_handing_over())
    await asyncio.sleep(0)
    metrics.error("at_the_very_end")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

asyncio.run(work())
print(os.getpid())
"""


def test_processes_add_up_and_the_dead_keep_their_counts_but_not_their_gauges(tmp_path: Path) -> None:
    environ = os.environ | {MULTIPROCESS_DIR: str(tmp_path)}

    def run(program: str) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    pids = [int(run(_WORKER)) for _ in range(2)]
    tell = "from gateway.observe.metrics import Metrics; print(Metrics().exposition().decode())"
    found = samples(run(tell).encode())
    assert found['vitrine_images_total{model="digits",result="ok",version="2"}'] == 2
    assert found['vitrine_images_total{model="digits",result="corrupt_image",version="2"}'] == 2
    assert found['vitrine_http_request_seconds_bucket{le="0.25",route="/"}'] == 2
    assert found['vitrine_http_request_seconds_sum{route="/"}'] == 0.5
    assert found['vitrine_errors_total{code="at_the_very_end"}'] == 2
    assert found["vitrine_inflight_classifications{}"] == 2
    began = found["vitrine_start_time_seconds{}"]
    assert tmp_path.stat().st_ctime - 60 < began < time.time()
    run(f"from prometheus_client.multiprocess import mark_process_dead; mark_process_dead({pids[0]})")
    found = samples(run(tell).encode())
    assert found["vitrine_inflight_classifications{}"] == 1
    assert found["vitrine_start_time_seconds{}"] == began
    assert found['vitrine_images_total{model="digits",result="ok",version="2"}'] == 2


def test_they_are_handed_over_now_and_then(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HAND_OVER_S", 0.001)
    seen: list[int] = []
    metrics.watch(inflight=lambda: seen.append(1) or len(seen))  # type: ignore[func-returns-value]

    async def wait() -> None:
        task = asyncio.create_task(metrics.keep_handing_over())
        async with asyncio.timeout(10):
            while len(seen) < 3:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    loops.run(wait())
    assert len(seen) >= 4
