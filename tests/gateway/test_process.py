"""The real process, ``python -m gateway``, in front of a real gRPC server: probes, metrics, faults, swaps, limits."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.conftest import ROOT
from tests.gateway.api.test_multipart import END, TYPE, part
from tests.gateway.conftest import EVERY_WORKER, Gateway, Live, Start, png, running
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.processes import wait_until

FORM = part("images", png(0), "a.png") + END
RESIDENT_LIMIT_KIB = 80 * 1024
# What no decoder of ours reads, and why, by the file's name in the manifest; all others must be classified.
BROKEN = {
    "broken/broken.png": "unsupported_image",
    "broken/broken_data_stream.png": "corrupt_image",
    "broken/decompression_bomb.gif": "image_too_large",
    "broken/png_decompression_dos.png": "corrupt_image",
    "broken/truncated_image.png": "corrupt_image",
    "broken/truncated_jpeg.jpg": "corrupt_image",
    "broken/unknown_compression_method.png": "unsupported_image",
    "broken/zero_width.gif": "unsupported_image",
    "formats/hopper.heif": "unsupported_image",
    "made-here/bomb_30000x30000_1bit.png": "image_too_large",
    "made-here/empty.jpg": "empty_image",
    "made-here/header_only_60000x60000.png": "image_too_large",
    "made-here/hot_dog_bitflips.jpg": "corrupt_image",
    "made-here/hot_dog_truncated_half.jpg": "corrupt_image",
    "made-here/html_named.png": "unsupported_image",
    "made-here/text_named.jpg": "unsupported_image",
}


def resident_kib(pid: int) -> int:
    """VmRSS."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def metric(gateway: Gateway, name: str) -> float:
    """The sum of a metric over its labels, as /metrics tells it."""
    lines = requests.get(gateway.url + "/metrics", timeout=5).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[{{ ]", line))


def log_lines(gateway: Gateway) -> list[dict[str, object]]:
    """The log's JSON lines; the greeting before them is for people."""
    return [json.loads(line) for line in gateway.log.read_text().splitlines() if line.startswith("{")]


def logged_pictures(gateway: Gateway) -> int:
    """How many pictures all workers have logged so far."""
    return sum(int(str(line.get("images", 0))) for line in log_lines(gateway))


def start_and_fail(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a gateway that ends by itself."""
    command = [sys.executable, "-m", "gateway"]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)


def test_it_says_where_it_is_and_cleans_up_in_the_end(start: Start, tmp_path: Path) -> None:
    gateway = start(TMPDIR=str(tmp_path))
    assert gateway.answers("/readyz")
    assert f"at {gateway.url}" in gateway.log.read_text()
    assert list(tmp_path.glob("vitrine-metrics-*"))
    gateway.process.terminate()
    assert gateway.process.wait(timeout=20) == 0
    assert not list(tmp_path.glob("vitrine-metrics-*"))


def test_all_awkward_pictures_in_one_upload_and_workers_stay_small(live: Live, shared: Path) -> None:
    folder = shared / "data" / "pictures"
    with (folder / "MANIFEST.csv").open(newline="") as manifest:
        names = [row["file"] for row in csv.DictReader(manifest)]
    files = [("images", (name, (folder / name).read_bytes())) for name in names]
    for path in ("/", "/", "/api/v1/classify"):
        answer = requests.post(live.gateway.url + path, files=files, timeout=60)
        assert answer.status_code == 200
    items = answer.json()["predictions"]
    assert len(names) == 72
    assert [item["filename"] for item in items] == names
    assert {item["filename"]: item["error"]["code"] for item in items if "error" in item} == BROKEN
    for item in items:
        assert "error" in item or sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert live.gateway.classify(png(255)).json()["predictions"][0]["label"] == "9"
    # Free pages go back when a worker has had a moment's rest.
    wait_until(lambda: max(map(resident_kib, live.gateway.worker_pids())) <= RESIDENT_LIMIT_KIB, what="small workers")


def test_memory_for_a_few_bytes_of_many_pixels_is_given_back(start: Start) -> None:
    gateway = start(VITRINE_WORKERS="1")
    file = io.BytesIO()
    Image.new("RGBA", (4000, 3000)).save(file, "PNG")
    assert gateway.classify(png(0)).ok
    (worker,) = gateway.worker_pids()
    before = resident_kib(worker)
    assert gateway.classify(*[file.getvalue()] * 4).ok
    wait_until(lambda: resident_kib(worker) < before + 40_000, what=f"less than {before:,} KiB and a little")


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_metrics_add_up_over_workers_and_survive_the_death_of_one(live: Live, death: signal.Signals) -> None:
    gateway = live.gateway
    victims = gateway.worker_pids()
    assert len(victims) == 2
    lines = len(log_lines(gateway))
    while {line["pid"] for line in log_lines(gateway)[lines:]} != set(victims):
        assert gateway.classify(png(0)).status_code == 200
    # Each worker tells the others several times a second what it counted.
    wait_until(lambda: metric(gateway, "vitrine_images_total") == logged_pictures(gateway), what="every picture")
    counted = metric(gateway, "vitrine_images_total")
    text = requests.get(gateway.url + "/metrics", timeout=5).text
    assert 'vitrine_images_total{model="digits",result="ok",version="2"}' in text
    os.kill(victims[0], death)
    wait_until(lambda: len(set(gateway.worker_pids()) - {victims[0]}) == 2, what="a new worker")
    wait_until(lambda: all(gateway.answers() for _ in range(EVERY_WORKER)))
    assert metric(gateway, "vitrine_images_total") == counted
    assert gateway.classify(png(0)).status_code == 200
    wait_until(lambda: metric(gateway, "vitrine_images_total") == counted + 1, what="one picture more")
    assert metric(gateway, "vitrine_inflight_classifications") == 0


def test_it_says_so_while_the_model_server_is_away_and_recovers(live: Live) -> None:
    live.serving.stop()
    answer = live.gateway.classify(png(0))
    # Not 504: it did not wait for the deadline.
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert live.gateway.answers("/readyz", 503)
    assert live.gateway.answers("/healthz", 200)
    wait_until(lambda: "The model server is not answering." in requests.get(live.gateway.url, timeout=5).text)
    live.serving.start()
    wait_until(lambda: all(live.gateway.classify(png(0)).ok for _ in range(EVERY_WORKER)), what="recovery")


def test_version_swaps_under_steady_load_fail_no_request(live: Live) -> None:
    statuses: list[int] = []
    versions: list[int] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            answer = live.gateway.classify(png(0), png(255))
            statuses.append(answer.status_code)
            if answer.ok:
                versions.append(int(answer.headers["X-Vitrine-Version"]))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    cards = live.serving.models["digits"].cards
    for version in range(3, 9):
        # As the latest-one policy does: the new is there before the old ones go.
        cards[version] = card()
        for old in sorted(cards)[:-1]:
            del cards[old]
        wait_until(lambda: versions[-1:] == [version])  # noqa: B023 - waited for within this turn
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert set(versions) >= {3, 4, 5, 6, 7, 8}


def test_requests_are_logged_as_json_with_what_an_operator_asks_for(live: Live) -> None:
    given = requests.post(
        live.gateway.url + "/api/v1/classify",
        files=[("images", ("a.png", png(0))), ("images", ("b.txt", b"text"))],
        headers={"X-Request-Id": "trace-me"},
        timeout=10,
    )
    assert given.headers["X-Request-Id"] == "trace-me"
    wait_until(lambda: any(line.get("request_id") == "trace-me" for line in log_lines(live.gateway)))
    (line,) = [line for line in log_lines(live.gateway) if line.get("request_id") == "trace-me"]
    assert {key: line[key] for key in ("status", "model", "version", "images", "refused")} == {
        "status": 200, "model": "digits", "version": 2, "images": 2, "refused": 1,
    }  # fmt: skip
    assert isinstance(line["ms"], float)


def test_a_body_far_too_large_gets_its_answer_and_not_a_reset(live: Live) -> None:
    files = [("images", ("big.png", b"x" * (24 << 20)))]
    answer = requests.post(live.gateway.url + "/api/v1/classify", files=files, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    page = requests.post(live.gateway.url, files=files, headers={"Accept": "text/html"}, timeout=30)
    assert (page.status_code, "Expected at most 16,777,216 bytes" in page.text) == (413, True)


def test_sigterm_lets_the_request_in_flight_finish(start: Start, serving: FakeServing) -> None:
    gateway = start(VITRINE_WORKERS="1")
    assert gateway.classify(png(0)).status_code == 200
    serving.models["digits"].latency_s = 1.0
    asked = len(serving.requests)
    answers: list[requests.Response] = []
    slow = threading.Thread(target=lambda: answers.append(gateway.classify(png(0))))
    slow.start()
    wait_until(lambda: len(serving.requests) > asked)
    gateway.process.send_signal(signal.SIGTERM)
    slow.join()
    assert answers[0].status_code == 200
    assert gateway.process.wait(timeout=10) == 0
    lines = [str(line["message"]) for line in log_lines(gateway)]
    assert "Application shutdown complete." in lines
    assert not [line for line in lines if "Error" in line]


def test_workers_that_are_replaced_under_load_fail_no_request(start: Start) -> None:
    gateway = start()
    assert gateway.classify(png(0)).ok
    stop, statuses, troubles = threading.Event(), list[int](), list[str]()

    def load(path: str) -> None:
        # A line of its own, on which nothing is tried again.
        line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
        while not stop.is_set():
            try:
                line.request("POST", path, FORM, {"Content-Type": TYPE})
                answer = line.getresponse()
                answer.read()
                statuses.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                troubles.append(f"{path}: {error!r}")
                line.close()
        line.close()

    paths = ("/api/v1/classify", "/api/v1/classify?format=ndjson", "/")
    threads = [threading.Thread(target=load, args=(path,)) for path in paths * 3]
    for thread in threads:
        thread.start()
    for victim in gateway.worker_pids():
        asked = len(statuses)
        wait_until(lambda: len(statuses) > asked + 50, what="load")  # noqa: B023 - waited for within this turn
        os.kill(victim, signal.SIGTERM)
        wait_until(lambda: len({*gateway.worker_pids()} - {victim}) == 2, what="a new worker")  # noqa: B023
    stop.set()
    for thread in threads:
        thread.join()
    assert (set(statuses), troubles) == ({200}, [])


def test_a_port_in_use_is_one_sentence_and_status_1(free_port: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        environ = os.environ | {"VITRINE_HOST": "127.0.0.1", "VITRINE_PORT": str(port)}
        ended = start_and_fail(environ)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in ended.stderr


def test_a_bad_setting_is_one_sentence_and_status_1() -> None:
    environ = os.environ | {"VITRINE_WORKERS": "many"}
    ended = start_and_fail(environ)
    assert ended.returncode == 1
    assert ended.stderr == "VITRINE_WORKERS: expected a whole number from 0 to 256. Received: 'many'\n"


def test_tensorflow_is_not_imported() -> None:
    program = "import sys, gateway.asgi, gateway.server; sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=30).returncode == 0


def test_it_starts_before_its_model_server(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    with running({"VITRINE_SERVING": f"127.0.0.1:{port}"}, free_port(), tmp_path / "gateway.log") as gateway:
        assert gateway.answers("/readyz", 503)
        late = FakeServing(digits=FakeModel({1: card()}))
        late.port = port
        with late:
            wait_until(lambda: gateway.answers("/readyz"), what="readiness")
