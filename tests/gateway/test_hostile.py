"""Hundreds of broken pictures, forms, bodies, heads and lines: no error of the gateway's own, nothing left behind."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import re
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.gateway.api.test_arriving import head
from tests.gateway.api.test_multipart import END, TYPE, part
from tests.gateway.conftest import Gateway, Live, png
from tests.gateway.test_process import log_lines
from tests.processes import wait_until

REQUESTS = 400
IDLE = 100
TEXTS = [
    "",
    "1",
    "-1",
    "1e9",
    "nan",
    "true",
    "digits",
    "\0",
    "x" * 5000,
    "9" * 400,
    "../..",
    "é",
    "ndjson",
    "csv",
    "html",
]
NAMES = [
    "model",
    "version",
    "label",
    "top_k",
    "explain",
    "min_probability",
    "format",
    "images",
    "sample",
    "x" * 300,
    "",
]
ACCEPTS = ["*/*", "application/json", "text/csv", "application/x-ndjson", "text/html", "image/png", "x" * 3000]
PATHS = [
    "/",
    "/docs",
    "/api/v1/models/x",
    "/models/%00",
    "/static/%2e%2e/app.py",
    "/samples/digits/9/0",
    "//docs",
    "/%ff",
]
HOSTS = ["x", "", "../", "::1,::1", "x" * 5000]
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PROPFIND"]


def mutated(dice: random.Random, data: bytes) -> bytes:
    """The data with some bytes changed, cut out, put in or doubled, mostly near its beginning."""
    changed = bytearray(data)
    for _ in range(dice.choice([0, 1, 2, 5, 50])):
        place = dice.randrange(len(changed) + 1) if dice.random() < 0.5 else dice.randrange(min(len(changed), 256) + 1)
        other = dice.choice(
            [dice.randbytes(1), dice.randbytes(64), b"\xff" * 4, bytes(4), changed[place : place + 5000]]
        )
        changed[place : place + dice.choice([0, 1, 4, 100])] = other
    return bytes(changed)


class Stranger:
    """Sends nonsense, all of it by the throw of one pair of dice."""

    def __init__(self, url: str, pictures: list[bytes], seed: int) -> None:
        self.dice = random.Random(seed)
        self.url = url
        self.pictures = pictures
        self.statuses: list[int] = []

    def send(self) -> None:
        """One request of any kind. What is sent may have no answer, but none of the gateway's own faults."""
        kinds: list[Callable[[], None]] = [self.upload, self.upload, self.form, self.body, self.ask, self.line]
        self.dice.choice(kinds)()

    def upload(self) -> None:
        files = [("images", ("a.png", mutated(self.dice, self.dice.choice(self.pictures)))) for _ in range(3)]
        fields = {self.dice.choice(NAMES): self.dice.choice(TEXTS)} if self.dice.random() < 0.3 else {}
        self._post(self.dice.choice(["/", "/api/v1/classify"]), files=files, data=fields)

    def form(self) -> None:
        whole = part("images", png(0), "a.png") + part("top_k", b"1") + END
        content_type = self.dice.choice(
            [TYPE, TYPE, TYPE, "multipart/form-data", "multipart/form-data; boundary=", "text/x"]
        )
        path = self.dice.choice(["/", "/api/v1/classify"])
        self._post(path, data=mutated(self.dice, whole), headers={"Content-Type": content_type})

    def body(self) -> None:
        picture = base64.b64encode(png(0)).decode()
        images: object = self.dice.choice(
            [[picture, {"b64": picture, "filename": "\0"}, None, {"b64": 1}, "é"], [], {}, [[[]]]]
        )
        text = json.dumps({"images": images, self.dice.choice(NAMES): self.dice.choice([*TEXTS, [], 1.5, None])})
        sent = self.dice.choice([text.encode(), mutated(self.dice, text.encode()), b"[" * 10_000, b"\xff", b""])
        self._post("/api/v1/classify", data=sent, headers={"Content-Type": "application/json"})

    def ask(self) -> None:
        path = f"{self.dice.choice(PATHS)}?{self.dice.choice(NAMES)}={self.dice.choice(TEXTS)}"
        headers = {"Host": self.dice.choice(HOSTS), "Accept": self.dice.choice(ACCEPTS)}
        answer = requests.request(self.dice.choice(METHODS), self.url + path, headers=headers, timeout=30)
        self.statuses.append(answer.status_code)

    def line(self) -> None:
        whole = head(len(END)) + END
        sent = self.dice.choice([mutated(self.dice, whole), self.dice.randbytes(300), whole * 5, whole[:90]])
        with contextlib.suppress(OSError), connected(self.url) as line:
            line.settimeout(0.2)
            line.sendall(sent)
            if self.dice.random() < 0.5:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif came := re.match(rb"HTTP/1.1 (\d+)", line.recv(100)):
                self.statuses.append(int(came[1]))

    def _post(self, path: str, headers: dict[str, str] | None = None, **options: object) -> None:
        accepted = {"Accept": self.dice.choice(ACCEPTS)} | (headers or {})
        answer = requests.post(self.url + path, headers=accepted, timeout=30, **options)  # type: ignore[arg-type]
        self.statuses.append(answer.status_code)


def connected(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)


def gauges(gateway: Gateway) -> set[float]:
    """Of places and bytes that are held."""
    text = requests.get(gateway.url + "/metrics", timeout=5).text
    return {float(value) for value in re.findall(r"^vitrine_(?:inflight|buffered)\w* (\S+)", text, re.MULTILINE)}


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[bytes]:
    """Real ones of all formats, none large."""
    files = (path for path in sorted((shared / "data" / "pictures").rglob("*")) if path.is_file())
    return [data for data in (path.read_bytes() for path in files) if 0 < len(data) < 100_000]


def test_nonsense_of_all_kinds_is_refused_and_leaves_nothing_behind(live: Live, pictures: list[bytes]) -> None:
    workers, url = live.gateway.worker_pids(), live.gateway.url
    strangers = [Stranger(url, pictures, seed) for seed in range(8)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(strangers)) as threads:
        for number in range(IDLE):
            stack.enter_context(connected(url)).sendall(b"GET / HT"[: number % 9])
        for _ in range(REQUESTS // len(strangers)):
            list(threads.map(Stranger.send, strangers))
    statuses = {status for stranger in strangers for status in stranger.statuses}
    assert {200, 400, 404, 405, 422} <= statuses
    assert max(statuses) < 500
    wait_until(lambda: gauges(live.gateway) == {0.0}, what="everything given back")
    assert live.gateway.worker_pids() == workers
    assert live.gateway.classify(png(255)).json()["predictions"][0]["label"] == "9"
    lines = live.gateway.log.read_text().splitlines()[1:]
    assert len(log_lines(live.gateway)) == len(lines)
    assert [line for line in log_lines(live.gateway) if line["level"] == "error"] == []
