"""`make demo`: the whole path on one machine, without Docker.

Trains on digits if the repository holds no model, publishes it, starts the embedded model server and the gateway,
starts either again if it dies, and ends both at Ctrl-C. Everything is a process of its own, as in a deployment: this
file imports none of them.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_VERSIONS = "*/[0-9]*/saved_model.pb"
START_S = 60.0
STOP_S = 15.0
RESTART_PAUSE_S = 1.0
_PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """Why the demo cannot run; one sentence that says what to do."""


@dataclass
class Service:
    """A process that is to run as long as the demo does."""

    name: str
    command: list[str]
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts the process in a session of its own: Ctrl-C reaches only the demo, which then ends it in order."""
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            env={**os.environ, **self.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is one thread only
        )

    def wait_ready(self) -> None:
        """Returns when it answers. Raises DemoError if it ends or takes too long."""
        deadline = time.monotonic() + START_S
        while not self.ready():
            if self.exit_code() is not None:
                raise DemoError(f"The {self.name} ended with exit code {self.exit_code()}; its last lines say why.")
            if time.monotonic() > deadline:
                raise DemoError(f"The {self.name} did not answer within {START_S:.0f} s.")
            time.sleep(0.1)

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process else None

    def stop(self) -> None:
        """Asks it to end, and insists after a while."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass(frozen=True)
class Settings:
    """Where the demo keeps its files and listens."""

    repository: Path
    runs: Path
    grpc_port: int
    rest_port: int
    http_port: int


def main() -> int:
    """Runs the demo until Ctrl-C; the exit code."""
    settings = _settings()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell starts what runs in the background without it
        signal.signal(number, _interrupt)
    services = [_model_server(settings), _gateway(settings)]
    try:
        _check_ports(settings)
        samples = _ensure_model(settings)
        for service in services:
            service.start()
            service.wait_ready()
        print(_welcome(settings, samples), flush=True)
        _watch(services)
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave a process behind
        for service in reversed(services):
            service.stop()
    print("Stopped.")
    return 0


def _settings() -> Settings:
    parser = argparse.ArgumentParser(prog="demo.py", description="The whole path on one machine, without Docker.")
    parser.add_argument("--repository", type=Path, default=Path(os.environ.get("MODEL_REPOSITORY", "models")))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where training writes its runs")
    parser.add_argument("--grpc-port", type=int, default=8500)
    parser.add_argument("--rest-port", type=int, default=8501)
    parser.add_argument("--port", type=int, default=int(os.environ.get("VITRINE_PORT", "8080")), help="of the gateway")
    given = parser.parse_args()
    return Settings(given.repository.resolve(), given.runs.resolve(), given.grpc_port, given.rest_port, given.port)


def _watch(services: list[Service]) -> None:
    while True:
        time.sleep(RESTART_PAUSE_S)
        for service in services:
            if service.exit_code() is not None:
                print(f"The {service.name} ended with exit code {service.exit_code()}; starting it again.", flush=True)
                service.start()


def _model_server(settings: Settings) -> Service:
    flags = [
        f"--port={settings.grpc_port}",
        f"--rest_api_port={settings.rest_port}",
        f"--model_config_file={settings.repository / 'models.config'}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
        "--load_retry_interval_micros=1000000",  # a broken version is known as such within seconds, not minutes
        # Small models answer sooner with one thread an operation.
        "--tensorflow_intra_op_parallelism=1",
        "--tensorflow_inter_op_parallelism=2",
    ]
    command = [sys.executable, "-m", "serving.model_server", *flags]
    return Service("model server", command, lambda: _answers(settings.grpc_port))


def _gateway(settings: Settings) -> Service:
    environment = {
        "VITRINE_SERVING": f"localhost:{settings.grpc_port}",
        "VITRINE_PORT": str(settings.http_port),
        "MODEL_REPOSITORY": str(settings.repository),
        # One a core would take the memory of a whole machine for a single visitor.
        "VITRINE_WORKERS": os.environ.get("VITRINE_WORKERS", "2"),
    }
    command = [sys.executable, "-m", "gateway"]
    url = f"http://localhost:{settings.http_port}/readyz"
    return Service("gateway", command, lambda: _ready(url), environment)


def _ensure_model(settings: Settings) -> Path:
    """Trains and publishes only what is missing, so that a second start takes seconds. The samples' folder."""
    repository, runs = str(settings.repository), str(settings.runs)
    if not any(settings.repository.glob(_VERSIONS)):
        print("No model yet: training one on scikit-learn's handwritten digits (about a minute).", flush=True)
        _run("training", "train", "--dataset", "digits", "--runs", runs)
        _run("training", "export", "latest", "--runs", runs, "--repository", repository, "--name", "digits")
    if not (settings.repository / "models.config").is_file():
        for model in sorted({path.parent.parent.name for path in settings.repository.glob(_VERSIONS)}):
            _run("serving", "--repository", repository, "publish", model, "--offline")
    return max(settings.runs.glob("digits*/samples"), default=settings.runs)


def _run(*arguments: str) -> None:
    process = subprocess.run([sys.executable, "-m", *arguments], check=False)  # noqa: S603 - our own commands
    if process.returncode:
        raise DemoError(f"`python -m {' '.join(arguments)}` failed; its last lines say why.")


def _check_ports(settings: Settings) -> None:
    """Before anything is trained: a port in use would be found only at the end."""
    for option, port in (
        ("--grpc-port", settings.grpc_port),
        ("--rest-port", settings.rest_port),
        ("--port", settings.http_port),
    ):
        if _answers(port):
            raise DemoError(
                f"Port {port} is in use. Stop the program that listens on it (`ss -ltnp` names it), or choose another:"
                f" `.venv/bin/python demo.py {option} N`."
            )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(settings: Settings, samples: Path) -> str:
    example = max(samples.glob("*.png"), default=Path("picture.png"))
    return (
        f"\n  Vitrine is ready:  http://localhost:{settings.http_port}\n"
        f"  Pictures to try:   {samples}\n"
        f"  From a terminal:   curl -F images=@{example} localhost:{settings.http_port}/api/v1/classify\n"
        f"  Ctrl-C stops everything.\n"
    )


def _die_with_parent() -> None:
    """Linux ends the child when the demo itself is killed; elsewhere only Ctrl-C and SIGTERM do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
