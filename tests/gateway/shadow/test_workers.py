"""The shadow's metrics in the real process, with several workers."""

from __future__ import annotations

from pathlib import Path

import requests

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.gateway.conftest import EVERY_WORKER, Gateway, Start, png
from tests.gateway.observe.samples import samples
from tests.processes import wait_until


def release(repository: Path, shadow: int | None) -> None:
    """Writes release.json as an operator's tool does."""
    state = Release({"digits": ModelRelease((1, 2), {"stable": 1}, shadow=shadow)})
    write_atomically(repository / FILE_NAME, state.to_json())


def metrics(gateway: Gateway) -> dict[str, float]:
    """The metrics of all workers."""
    return samples(requests.get(f"{gateway.url}/metrics", timeout=10).content)


def test_what_became_of_copies_adds_up_over_the_workers(start: Start, tmp_path: Path) -> None:
    release(tmp_path, shadow=2)
    gateway = start(MODEL_REPOSITORY=str(tmp_path), VITRINE_WORKERS="2")
    ok = 'vitrine_shadow_requests_total{model="digits",outcome="ok",shadow="2",version="1"}'
    agree = 'vitrine_shadow_pictures_total{agrees="true",model="digits",shadow="2",version="1"}'
    for _ in range(EVERY_WORKER):
        assert gateway.classify(png(0), png(255)).headers["X-Vitrine-Version"] == "1"
    wait_until(lambda: metrics(gateway).get(ok) == EVERY_WORKER, what="every request's copy")
    wait_until(lambda: metrics(gateway).get(agree) == 2 * EVERY_WORKER, what="every picture")
    assert metrics(gateway)["vitrine_shadow_bytes{}"] == 0

    # Every worker lets go of a shadow that is given up.
    release(tmp_path, shadow=None)
    for _ in range(EVERY_WORKER):
        assert gateway.classify(png(0)).ok
    assert metrics(gateway)[ok] == EVERY_WORKER
