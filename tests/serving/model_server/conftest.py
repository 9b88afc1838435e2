"""Tiny SavedModels, and real server processes to ask about them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from contract.client import ModelSpec, ServingClient
from serving.model_server.inference.servable import Servable, load
from tests.conftest import ROOT
from tests.serving.model_server import models, models_tf1

START_S = 120.0


@dataclass
class ModelServer:
    """A running server and the ways to talk to it."""

    process: subprocess.Popen[str]
    port: int
    rest_port: int
    log: Path
    channel: grpc.Channel
    client: ServingClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}/v1/models"

    @property
    def predictions(self) -> prediction_service_pb2_grpc.PredictionServiceStub:
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    @property
    def models(self) -> model_service_pb2_grpc.ModelServiceStub:
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def states(self, name: str) -> dict[int, str]:
        return {one.version: one.state for one in self.client.status(ModelSpec(name))}

    def cpu_ticks(self) -> int:
        """CPU time spent so far, in hundredths of a second."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


def eventually(condition: Callable[[], object], *, within_s: float = 60.0, what: str = "the condition") -> None:
    """Polls until the condition holds; fails at the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not hold within {within_s:g} s"
        time.sleep(0.02)


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "serving.model_server", *flags]


def run_to_the_end(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs a server that is expected to refuse to start."""
    return subprocess.run(command(*flags), cwd=ROOT, capture_output=True, text=True, timeout=START_S, check=False)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def start_process(
    folder: Path, *flags: str, port: int = 0, rest_port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], int, int, Path]]:
    """A server that may not be ready yet, on free ports unless given others; always ended."""
    port, rest_port = port or unused_port(), rest_port or unused_port()
    log = folder / f"server-{port}.log"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command(f"--port={port}", f"--rest_api_port={rest_port}", "--tensorflow_intra_op_parallelism=1", *flags),
            cwd=ROOT,
            stderr=stderr,
            text=True,
            env=environment,
        )
        try:
            yield process, port, rest_port, log
        finally:
            process.kill()
            process.wait()


@contextmanager
def start_server(folder: Path, *flags: str, port: int = 0, rest_port: int = 0) -> Iterator[ModelServer]:
    """A server that answers on both ports."""
    with start_process(folder, *flags, port=port, rest_port=rest_port) as (process, open_port, open_rest_port, log):
        eventually(lambda: process.poll() is not None or answers(open_port), within_s=START_S, what="the port opened")
        assert process.poll() is None, log.read_text()
        address = f"127.0.0.1:{open_port}"
        with grpc.insecure_channel(address) as channel, ServingClient(address) as client:
            yield ModelServer(process, open_port, open_rest_port, log, channel, client)


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SavedModels to copy versions from: see `models.save_all` and `models_tf1.save_all`."""
    folder = tmp_path_factory.mktemp("saved_models")
    models.save_all(folder)
    models_tf1.save_all(folder)
    return folder


@pytest.fixture(scope="session")
def half_plus_two(saved_models: Path) -> Iterator[Servable]:
    """TensorFlow Serving's own test model, loaded in this process."""
    with closing(load(saved_models / "tf1_half_plus_two")) as servable:
        yield servable


@pytest.fixture(scope="session")
def oddities(saved_models: Path) -> Iterator[Servable]:
    """The signatures of `models_tf1` that a request can break on, loaded in this process."""
    with closing(load(saved_models / "oddities")) as servable:
        yield servable


@pytest.fixture
def publish(saved_models: Path) -> Callable[[str, Path], None]:
    """Puts a SavedModel into a version directory, at once and whole."""

    def put(model: str, version: Path) -> None:
        staging = version.parent / f".staging-{version.name}"
        shutil.copytree(saved_models / model, staging)
        staging.rename(version)

    return put


@pytest.fixture(scope="session")
def server(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """One server for all tests that only ask: model ``m``, versions 1 and 3, ``stable`` is 1; ``tf1``; ``oddities``."""
    folder = tmp_path_factory.mktemp("table")
    for path, model in (
        ("m/1", "toolbox"),
        ("m/3", "half_plus_three"),
        ("tf1/123", "tf1_half_plus_two"),
        ("oddities/1", "oddities"),
    ):
        shutil.copytree(saved_models / model, folder / path)
    config = folder / "models.config"
    config.write_text(
        f'''model_config_list {{ config {{
            name: "m" base_path: "{folder / "m"}" model_platform: "tensorflow"
            model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: 1 }}
        }}
        config {{ name: "tf1" base_path: "{folder / "tf1"}" model_platform: "tensorflow" }}
        config {{ name: "oddities" base_path: "{folder / "oddities"}" model_platform: "tensorflow" }} }}'''
    )
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    with start_server(folder, *flags) as running:
        eventually(lambda: running.states("m") == {1: "AVAILABLE", 3: "AVAILABLE"})
        yield running


@pytest.fixture(scope="session")
def lifecycle_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A server that starts without a model; tests give it theirs with ReloadConfig."""
    folder = tmp_path_factory.mktemp("lifecycle")
    config = folder / "models.config"
    config.write_text("model_config_list {}")
    with start_server(
        folder, "--model_config_file", str(config), "--max_num_load_retries=0", "--rest_api_timeout_in_ms=200"
    ) as running:
        yield running
