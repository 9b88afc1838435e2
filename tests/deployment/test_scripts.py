"""The shell scripts of the containers, run for real: against an HTTP server, and on a model repository."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.release import ModelRelease, Release
from serving.models_config import render
from tests.conftest import ROOT

HEALTH = ROOT / "docker" / "serving-health.sh"
SEED = ROOT / "docker" / "seed.sh"


@contextmanager
def model_status_server(states: dict[str, list[str]]) -> Iterator[int]:
    """A server of TensorFlow Serving's model status REST API, in its own layout; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.removeprefix("/v1/models/")
            body: object = {"error": f"Could not find any versions of model {name}"}
            if name in states:
                status = {"error_code": "OK", "error_message": ""}
                body = {
                    "model_version_status": [
                        {"version": str(number), "state": state, "status": status}
                        for number, state in enumerate(states[name], start=1)
                    ]
                }
            text = json.dumps(body, indent=1).encode()
            self.send_response(200 if name in states else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A models.config of the two models digits and clothes, as the operator's CLI renders it."""
    release = Release({name: ModelRelease((1, 2), {"stable": 1, "canary": 2}) for name in ("digits", "clothes")})
    path = tmp_path / "models.config"
    path.write_text(render(release, "/models"), encoding="utf-8")
    return path


def health(config: Path, port: int) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = ["bash", HEALTH, config, str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_healthy_when_every_model_has_a_version_available(config: Path) -> None:
    with model_status_server({"digits": ["LOADING", "AVAILABLE"], "clothes": ["AVAILABLE"]}) as port:
        result = health(config, port)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("states", [["LOADING"], ["END", "UNLOADING"]])
def test_unhealthy_while_one_model_has_no_version_available(config: Path, states: list[str]) -> None:
    with model_status_server({"digits": states, "clothes": ["AVAILABLE"]}) as port:
        result = health(config, port)
    assert result.returncode == 1
    assert "Expected a version of digits to be AVAILABLE" in result.stdout
    assert states[-1] in result.stdout


def test_unhealthy_when_the_server_does_not_know_a_model(config: Path) -> None:
    with model_status_server({"digits": ["AVAILABLE"]}) as port:
        result = health(config, port)
    assert result.returncode == 1
    assert "Could not find any versions of model clothes" in result.stdout


def test_unhealthy_when_nobody_listens(config: Path, unused_port: int) -> None:
    result = health(config, unused_port)
    assert result.returncode == 1
    assert "Connection refused" in result.stdout


def test_unhealthy_without_a_model_to_ask_for(tmp_path: Path, unused_port: int) -> None:
    (tmp_path / "models.config").touch()
    result = health(tmp_path / "models.config", unused_port)
    assert result.returncode == 1
    assert "Expected at least one model" in result.stdout


@pytest.fixture
def unused_port(free_port: object) -> int:
    """A port on which nobody listens."""
    assert callable(free_port)
    return int(free_port())


class Repository:
    """A model repository, and a `python` on PATH that only notes the commands that it is given."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "models"
        self.root.mkdir()
        self._notes = folder / "notes"
        self._notes.touch()
        self._bin = folder / "bin"
        self._bin.mkdir()
        python = self._bin / "python"
        # The export leaves a version behind, which the script has to find.
        python.write_text(
            f'#!/bin/sh\necho "$@" >>"{self._notes}"\n'
            f'case "$*" in *export*) mkdir -p "{self.root}/digits/1"; : >"{self.root}/digits/1/saved_model.pb";; esac\n'
        )
        python.chmod(0o755)

    def add(self, name: str, version: int) -> None:
        folder = self.root / name / str(version)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()

    def seed(self) -> list[str]:
        """Runs the script; the Python commands that it gave."""
        self._notes.write_text("")
        path = f"{self._bin}:{os.environ['PATH']}"
        environment = {"PATH": path, "MODEL_REPOSITORY": str(self.root), "RUNS": "/runs"}
        subprocess.run(["sh", SEED], env=environment, check=True, timeout=20, capture_output=True)
        return self._notes.read_text().splitlines()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_seed_trains_exports_and_publishes_where_nothing_is(repository: Repository) -> None:
    root = repository.root
    assert repository.seed() == [
        "-m training train --dataset digits --runs /runs",
        f"-m training export latest --runs /runs --repository {root} --name digits",
        f"-m serving --repository {root} publish digits --offline",
    ]


def test_seed_only_publishes_models_that_nothing_serves_yet(repository: Repository) -> None:
    repository.add("clothes", 1)
    repository.add("clothes", 2)
    repository.add("digits", 1)
    publish = f"-m serving --repository {repository.root} publish"
    assert repository.seed() == [f"{publish} clothes --offline", f"{publish} digits --offline"]


def test_seed_does_nothing_where_a_model_is_released(repository: Repository) -> None:
    repository.add("digits", 1)
    (repository.root / "models.config").write_text("model_config_list {}\n")
    assert repository.seed() == []
