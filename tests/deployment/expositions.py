"""What a gateway with every kind of traffic, and a model server with a request, tell Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import requests

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.conftest import pick_port
from tests.gateway.conftest import Gateway, png, running
from tests.gateway.fake_serving import FakeModel, FakeServing, Whims, card
from tests.processes import wait_until

# What Prometheus itself adds to each series, and the series that it makes of scrapes and of alerts.
ADDED_LABELS = frozenset({"job", "instance"})
OWN_METRICS: Mapping[str, frozenset[str]] = {
    "up": ADDED_LABELS,
    "ALERTS": ADDED_LABELS | {"alertname", "alertstate", "severity"},
}


@contextmanager
def busy_gateway(folder: Path) -> Iterator[Gateway]:
    """A real gateway that has met what it counts: a canary that fails, a shadow, refusals, a version swapped away."""
    cards = dict.fromkeys((1, 2, 3), replace(card(), thresholds={"known": 0.95}))
    digits = FakeModel(cards, of_version={2: Whims(fault=grpc.StatusCode.INTERNAL)})
    release = {
        "digits": ModelRelease(
            (1, 2, 3),
            {"stable": 1, "canary": 2},
            canary_percent=50,
            split="request",
            shadow=3,
            shadow_percent=100,
        ),
        "shades": ModelRelease((1, 2), {}),
    }
    write_atomically(folder / FILE_NAME, Release(release).to_json())
    with FakeServing(digits=digits, shades=FakeModel({1: card("shades"), 2: card("shades")})) as serving:
        environ = {"VITRINE_SERVING": serving.address, "MODEL_REPOSITORY": str(folder), "VITRINE_MODELS": ""}
        with running(environ, pick_port(), folder / "gateway.log") as gateway:
            wait_until(lambda: ask(gateway, serving), timeout_s=60, what="every metric of the gateway")
            yield gateway


def ask(gateway: Gateway, serving: FakeServing) -> bool:
    """Asks the gateway everything; True once it has counted everything."""
    shades = serving.models["shades"].cards
    shades[2] = shades[1]
    gateway.classify(png(0), model="shades")
    del shades[2]
    gateway.classify(png(0), model="shades")
    for shade in (0, 255):
        gateway.classify(png(shade), b"no picture")
    requests.post(f"{gateway.url}/api/v1/classify", timeout=10)
    gateway.answers("/readyz")
    found = series(exposition(gateway))
    return {
        "vitrine_fallbacks_total",
        "vitrine_known_total",
        "vitrine_shadow_difference_bucket",
        "vitrine_version_retries_total",
    } <= set(found)


def exposition(gateway: Gateway) -> str:
    """The gateway's page for Prometheus."""
    return requests.get(f"{gateway.url}/metrics", timeout=10).text


def model_server_exposition() -> str:
    """TensorFlow Serving's page, as the embedded model server writes it, after a request in a batch."""
    from serving.model_server.batching.metrics import BatchingMetrics
    from serving.model_server.metrics import Metrics

    metrics, batching = Metrics(), BatchingMetrics()
    metrics.include(batching.by_name)
    with metrics.loading("/models/digits/1"), metrics.warming_up("/models/digits/1"):
        metrics.record_request("digits", "OK", api="Predict", entrypoint="GRPC", started_s=0.0)
        metrics.runtime_latency.add("digits", "Predict", "TF1", sample=900)
    batching.record_request(8, 1)
    batching.record_run(8, 8, [0.0005])
    return metrics.text().decode()


def series(text: str) -> dict[str, frozenset[str]]:
    """Names of labels by name of series, with those that Prometheus adds."""
    # Not by prometheus_client's parser: it takes no name that begins with a colon, as TensorFlow Serving's do.
    samples = (re.match(r"([\w:]+)(?:{(.*)})? ", line) for line in text.splitlines() if not line.startswith("#"))
    return {
        sample[1]: ADDED_LABELS | set(re.findall(r'(\w+)="', sample[2] or ""))
        for sample in samples
        if sample is not None
    }
