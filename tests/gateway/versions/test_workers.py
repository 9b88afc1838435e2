"""The real process with two workers: a change of release.json is picked up by both at once, and both draw alike."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import requests

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.gateway.conftest import EVERY_WORKER, Gateway, Start, png
from tests.gateway.test_process import log_lines
from tests.processes import wait_until

CLIENTS = 8


def release(percent: float) -> str:
    labels = {"stable": 1, "canary": 2}
    return Release({"digits": ModelRelease((1, 2), labels, canary_percent=percent)}).to_json()


def versions(gateway: Gateway, client: int) -> Counter[str]:
    """Which versions answer a client, who asks on many connections so that every worker is met."""
    found: Counter[str] = Counter()
    for _ in range(EVERY_WORKER):
        answer = requests.post(
            f"{gateway.url}/api/v1/classify",
            files=[("images", ("a.png", png(0)))],
            headers={"X-Forwarded-For": f"10.3.0.{client}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"]["version"] == int(answer.headers["X-Vitrine-Version"])
        found[answer.headers["X-Vitrine-Version"]] += 1
    return found


def test_every_worker_follows_the_release_at_once_and_draws_alike(start: Start, tmp_path: Path) -> None:
    # As in a volume of a ConfigMap: the file is a link through a link that is swapped.
    repository = tmp_path / "models"
    repository.mkdir()
    (repository / FILE_NAME).symlink_to(f"..data/{FILE_NAME}")

    def put(percent: float) -> None:
        fresh = repository / f"..{percent}"
        fresh.mkdir()
        write_atomically(fresh / FILE_NAME, release(percent))
        (repository / "..data_tmp").symlink_to(fresh.name)
        (repository / "..data_tmp").rename(repository / "..data")

    put(0)
    gateway = start(MODEL_REPOSITORY=str(repository), VITRINE_TRUSTED_PROXIES="127.0.0.1", VITRINE_WORKERS="2")
    assert versions(gateway, 0) == {"1": EVERY_WORKER}
    put(50)
    met = [versions(gateway, client) for client in range(CLIENTS)]
    assert all(len(found) == 1 for found in met)
    assert {version for found in met for version in found} == {"1", "2"}
    put(100)
    assert versions(gateway, 0) == {"2": EVERY_WORKER}
    put(1)
    assert versions(gateway, 0) == {"1": EVERY_WORKER}
    wait_until(lambda: who_answered(gateway) == set(gateway.worker_pids()), what="the log lines of both workers")
    total = (CLIENTS + 3) * EVERY_WORKER
    wait_until(lambda: counted(gateway) == total, what="the counts of both workers")


def who_answered(gateway: Gateway) -> set[object]:
    """The workers that have logged a classification."""
    return {line["pid"] for line in log_lines(gateway) if line.get("path") == "/api/v1/classify"}


def counted(gateway: Gateway) -> float:
    """Answers of both versions, as /metrics tells them."""
    lines = requests.get(f"{gateway.url}/metrics", timeout=5).text.splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("vitrine_answers_total{") and 'outcome="ok"' in line
    )
