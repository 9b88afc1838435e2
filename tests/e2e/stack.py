"""Starts the parts of the system as processes, on ports of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.conftest import ROOT, pick_port
from tests.processes import Process

ONE_THREAD = ["--tensorflow_intra_op_parallelism=1", "--tensorflow_inter_op_parallelism=2"]


@dataclass(frozen=True)
class ModelServer:
    """The embedded model server, or, without a process, the one that VITRINE_SERVING names."""

    address: str
    rest: str = ""
    process: Process | None = None


@dataclass(frozen=True)
class Stack:
    """A running system."""

    model_server: ModelServer
    gateway: Process
    url: str
    repository: Path

    def classify(self, *pictures: Path, **options: str) -> requests.Response:
        """What a program does: one POST with the pictures in order."""
        files = [("images", (picture.name, picture.read_bytes())) for picture in pictures]
        return requests.post(f"{self.url}/api/v1/classify", files=files, data=options, timeout=60)

    def wait_ready(self, timeout_s: float = 30) -> None:
        """Returns when the gateway says that it can classify."""
        self.gateway.wait_ready(f"{self.url}/readyz", timeout_s)


def run(*arguments: str, timeout_s: float = 300) -> str:
    """What `python -m …` prints; fails the test with all of it if the command fails."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def model_server(folder: Path, *flags: str) -> Iterator[ModelServer]:
    """The embedded model server with these flags, ready."""
    grpc_port, rest_port = pick_port(), pick_port()
    command = ["-m", "serving.model_server", f"--port={grpc_port}", f"--rest_api_port={rest_port}", *ONE_THREAD, *flags]
    with Process(command, folder / "model_server.log") as process:
        rest = f"http://localhost:{rest_port}"
        process.wait_ready(f"{rest}/v1/models/digits")
        yield ModelServer(f"localhost:{grpc_port}", rest, process)


def released(repository: Path) -> list[str]:
    """The flags of a server that follows the repository's release state."""
    return [
        f"--model_config_file={repository / 'models.config'}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
    ]


@contextmanager
def stack(server: ModelServer, repository: Path, folder: Path, **environment: str) -> Iterator[Stack]:
    """A gateway before that server, ready."""
    port = pick_port()
    settings = {
        "VITRINE_SERVING": server.address,
        "MODEL_REPOSITORY": str(repository),
        "VITRINE_PORT": str(port),
        "VITRINE_WORKERS": "2",
        **environment,
    }
    with Process(["-m", "gateway"], folder / "gateway.log", settings) as gateway:
        running = Stack(server, gateway, f"http://localhost:{port}", repository)
        running.wait_ready()
        yield running
