"""Vitrine and its peers as processes: started, waited for until the first right answer, ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import measured
from tests.benchmarks.gateway import process_tree, repository
from tests.benchmarks.gateway.cases import Case
from tests.conftest import ROOT, pick_port

WORKERS = os.cpu_count() or 1
_START_S = 120.0
_POLL_S = 0.02
_LOG_TAIL = 3000
_PEERS = "tests.benchmarks.gateway.peers"
_Command = tuple[list[str], Mapping[str, str]]


@dataclass(frozen=True)
class Place:
    """Where a contender is to serve what.

    Attributes:
        folder: The model repository.
        case: Whose network it serves.
        port: Of its HTTP.
        grpc_port: Of the model server, if it starts one.
        peers_python: The interpreter of the peers' virtualenv.
    """

    folder: Path
    case: Case
    port: int
    grpc_port: int
    peers_python: Path | None = None


@dataclass(frozen=True)
class Contender:
    """One row of the tables.

    Attributes:
        name: For the command line.
        title: For people.
        path: Where it takes pictures.
        commands: What to start, each with its environment.
    """

    name: str
    title: str
    path: str
    commands: Callable[[Place], list[_Command]]


@dataclass(frozen=True)
class Running:
    """A contender that answers.

    Attributes:
        port: Of its HTTP.
        roots: Its processes; others descend from them.
        start_s: From the start of the first process to the first right answer.
        serving: The model server's address, if it has one.
    """

    port: int
    roots: tuple[int, ...]
    start_s: float
    serving: str | None


@contextmanager
def running(contender: Contender, folder: Path, case: Case, peers_python: Path | None, log: Path) -> Iterator[Running]:
    """The contender with the case's network. Raises RuntimeError, with its log, if it does not come to answer."""
    place = Place(folder, case, pick_port(), pick_port(), peers_python)
    started = time.perf_counter()
    with log.open("wb") as output:
        processes = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            for command, environment in contender.commands(place)
        ]
    roots = [process.pid for process in processes]
    try:
        _answers(contender, place, processes, log)
        elapsed, external = time.perf_counter() - started, measured.external()
        # By another worker each time, more or less: none may still be on its way.
        _answers(contender, place, processes, log, in_a_row=8 * WORKERS)
        if contender is VITRINE and external is not None:
            known = () if external.pid is None else (external.pid,)
            yield Running(place.port, (*roots, *known), elapsed, external.address)
        else:
            serving = f"127.0.0.1:{place.grpc_port}" if contender is VITRINE else None
            yield Running(place.port, tuple(roots), elapsed, serving)
    finally:
        for pid in process_tree.members(roots):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in processes:
            process.wait()


def _answers(
    contender: Contender, place: Place, processes: list[subprocess.Popen[bytes]], log: Path, in_a_row: int = 1
) -> None:
    """Returns when it has given so many right answers one after another, each on a connection of its own."""
    request, deadline = place.case.request(contender.path, 1), time.monotonic() + _START_S
    right, last = 0, "nothing yet"
    while right < in_a_row:
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            tail = log.read_text(errors="replace")[-_LOG_TAIL:]
            raise RuntimeError(f"{contender.title} does not answer: {last}\n{tail}")
        try:
            fault = place.case.fault(_ask(place.port, request), 1)
        except (OSError, http.client.HTTPException) as error:
            fault = repr(error)
        right = right + 1 if fault is None else 0
        if fault is not None:
            last = fault
            time.sleep(_POLL_S)


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        return response.read()


def _vitrine(place: Place) -> list[_Command]:
    external = measured.external()
    settings = {
        "VITRINE_SERVING": external.address if external else f"127.0.0.1:{place.grpc_port}",
        "VITRINE_MODELS": place.case.network.name,
        "VITRINE_HOST": "127.0.0.1",
        "VITRINE_PORT": str(place.port),
        "VITRINE_WORKERS": str(WORKERS),
    }
    gateway: _Command = ([sys.executable, "-m", "gateway"], settings)
    if external:
        return [gateway]
    flags = (
        f"--port={place.grpc_port}",
        "--rest_api_port=0",
        f"--model_name={place.case.network.name}",
        f"--model_base_path={place.folder / place.case.network.name}",
        "--tensorflow_intra_op_parallelism=1",
        f"--tensorflow_inter_op_parallelism={WORKERS}",
    )
    return [([sys.executable, "-m", "serving.model_server", *flags], {}), gateway]


def _peer(*arguments: str) -> Callable[[Place], list[_Command]]:
    """`arguments` follow the interpreter; {port} and {workers} are filled in."""

    def commands(place: Place) -> list[_Command]:
        network = place.case.network
        environment = {
            "PEER_VERSION": str(place.folder / network.name / "1"),
            "PEER_KERAS": str(repository.keras_file(place.folder, network)),
            "PEER_SHAPE": ",".join(str(size) for size in network.shape),
            "PEER_CLASSES": str(network.classes),
            "PEER_PORT": str(place.port),
            "PEER_WORKERS": str(WORKERS),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "BENTOML_DO_NOT_TRACK": "1",
        }
        filled = [argument.format(port=place.port, workers=WORKERS) for argument in arguments]
        return [([str(place.peers_python), "-m", *filled], environment)]

    return commands


# Heartbeats in memory; keep-alive, for clients come back.
_GUNICORN = (
    "gunicorn", "--bind=127.0.0.1:{port}", "--workers={workers}", "--threads=4", "--keep-alive=30",
    "--worker-tmp-dir=/dev/shm", "--log-level=warning",
)  # fmt: skip
_UVICORN = (
    "uvicorn", "--host=127.0.0.1", "--port={port}", "--workers={workers}", "--no-access-log", "--log-level=warning",
)  # fmt: skip
_BENTOML = ("bentoml", "serve", f"{_PEERS}.bentoml_service:Classifier", "--host=127.0.0.1", "--port={port}")

VITRINE = Contender("vitrine", "Vitrine", "/api/v1/classify", _vitrine)
PEERS = (
    Contender("flask-predict", "Flask + model.predict", "/classify", _peer(*_GUNICORN, f"{_PEERS}.flask_predict:app")),
    Contender("flask-signature", "Flask + signature", "/classify", _peer(*_GUNICORN, f"{_PEERS}.flask_app:app")),
    Contender("fastapi", "FastAPI + signature", "/classify", _peer(*_UVICORN, f"{_PEERS}.fastapi_app:app")),
    Contender("bentoml", "BentoML, adaptive batching", "/classify", _peer(*_BENTOML)),
    Contender("litserve", "LitServe, batching", "/classify", _peer(f"{_PEERS}.litserve_server")),
)
