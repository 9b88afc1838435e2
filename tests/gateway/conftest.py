"""Fixtures of the gateway's tests: settings, pictures, a real model server to control, the real gateway process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from PIL import Image

from gateway.settings.settings import Settings
from tests.conftest import ROOT, pick_port
from tests.gateway.client import Client, client_of
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.processes import wait_until


def png(grey: int, size: int = 8) -> bytes:
    """A picture of one shade, which the fake model calls by its brightness: 0..255 -> digit 0..9."""
    file = io.BytesIO()
    Image.new("L", (size, size), grey).save(file, "PNG")
    return file.getvalue()


@dataclass
class Gateway:
    """A running ``python -m gateway``."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def answers(self, path: str = "/healthz", status: int = 200) -> bool:
        """True if a GET has this status now."""
        try:
            return requests.get(self.url + path, timeout=5).status_code == status
        except requests.ConnectionError:
            return False

    def worker_pids(self) -> list[int]:
        """The worker processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def classify(self, *pictures: bytes, **options: str) -> requests.Response:
        """POSTs pictures to the API."""
        files = [("images", (f"{index}.png", data)) for index, data in enumerate(pictures)]
        return requests.post(f"{self.url}/api/v1/classify", files=files, data=options, timeout=30)


@contextmanager
def running(environ: dict[str, str], port: int, log: Path) -> Iterator[Gateway]:
    """Runs the gateway until the end of the block, and gives it when it answers."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    settings = {
        "VITRINE_HOST": "127.0.0.1",
        "VITRINE_PORT": str(port),
        "VITRINE_MODELS": "digits",
        "VITRINE_WORKERS": "2",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway"], env=inherited | settings | environ, cwd=ROOT, stderr=file
        )
    gateway = Gateway(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until(lambda: process.poll() is not None or gateway.answers(), what=f"an answer of the gateway ({log})")
        yield gateway
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def two_versions() -> dict[str, FakeModel]:
    """What the model servers of the tests begin with: versions 1 and 2 of digits."""
    return {"digits": FakeModel({1: card(), 2: card()}, labels={"canary": 2})}


@pytest.fixture
def serving() -> Iterator[FakeServing]:
    """A model server of the test's own."""
    with FakeServing(**two_versions()) as server:
        yield server


@dataclass
class Live:
    """A real gateway process and the model server behind it."""

    gateway: Gateway
    serving: FakeServing


@pytest.fixture(scope="module")
def live_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One gateway process for all tests of a module: starting and draining one takes seconds."""
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    with FakeServing(**two_versions()) as server:
        environ = {"VITRINE_SERVING": server.address, "VITRINE_MAX_BODY_BYTES": str(16 << 20)}
        with running(environ, pick_port(), log) as gateway:
            yield Live(gateway, server)


# So many requests on connections of their own meet every one of two workers, all but surely.
EVERY_WORKER = 16
# Variables that would change what a gateway does.
OURS = ("VITRINE_", "PROMETHEUS_", "MODEL_")


@pytest.fixture
def live(live_process: Live) -> Live:
    """The module's gateway process, its model server as good as new."""
    live_process.serving.stop()
    live_process.serving.models = two_versions()
    live_process.serving.start()
    wait_until(lambda: all(live_process.gateway.classify(png(0)).ok for _ in range(EVERY_WORKER)), what="recovery")
    live_process.serving.requests.clear()
    return live_process


Start = Callable[..., Gateway]


@pytest.fixture
def start(serving: FakeServing, tmp_path: Path) -> Iterator[Start]:
    """Starts the real gateway process against `serving`; keywords are further environment variables."""
    with ExitStack() as stack:

        def begin(**environ: str) -> Gateway:
            environ = {"VITRINE_SERVING": serving.address} | environ
            port = pick_port()
            return stack.enter_context(running(environ, port, tmp_path / f"gateway-{port}.log"))

        yield begin


@pytest.fixture
def settings() -> Settings:
    """Settings for a bare server that serves digits."""
    return Settings.from_env({"VITRINE_MODELS": "digits"})


MakeClient = Callable[..., Client]


@pytest.fixture
def make_client(serving: FakeServing) -> Iterator[MakeClient]:
    """Makes a client of an application in front of `serving`; keywords are environment variables."""
    with ExitStack() as stack:

        def make(**environ: str) -> Client:
            named = {"VITRINE_SERVING": serving.address, "VITRINE_MODELS": "digits"} | environ
            return stack.enter_context(client_of(named))

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """A client of an application in front of `serving`."""
    return make_client()
