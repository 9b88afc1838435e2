"""`make demo`, from an empty repository to Ctrl-C, and a second time."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from tests.conftest import pick_port
from tests.e2e.conftest import EXTERNAL
from tests.processes import Process


@pytest.mark.timeout(600)
def test_the_demo_trains_once_serves_and_leaves_no_process_behind(tmp_path: Path) -> None:
    if EXTERNAL:
        pytest.skip("starts the embedded model server")
    ports = [pick_port() for _ in range(3)]
    command = ["demo.py", "--repository", str(tmp_path / "models"), "--runs", str(tmp_path / "runs")]
    for option, port in zip(("--grpc-port", "--rest-port", "--port"), ports, strict=True):
        command += [option, str(port)]
    url = f"http://localhost:{ports[2]}"

    with Process(command, tmp_path / "first.log") as demo:
        demo.wait_ready(f"{url}/readyz", timeout_s=300)
        samples = sorted((next((tmp_path / "runs").glob("digits*")) / "samples").glob("*.png"))
        assert len(samples) == 10
        answer = requests.post(
            f"{url}/api/v1/classify",
            files=[("images", (path.name, path.read_bytes())) for path in samples],
            timeout=30,
        )
        right = [one["label"] == re.findall(r"\d+", one["filename"])[-1] for one in answer.json()["predictions"]]
        assert sum(right) >= 9
        end(demo, ports)
        assert f"http://localhost:{ports[2]}" in demo.output
        assert str(samples[0].parent) in demo.output

    with Process(command, tmp_path / "second.log") as demo:
        demo.wait_ready(f"{url}/readyz", timeout_s=60)
        assert "training" not in demo.output.lower()
        end(demo, ports)


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with Process(["-m", "http.server", "--bind", "127.0.0.1", str(port := pick_port())], tmp_path / "log") as other:
        other.wait_ready(f"http://127.0.0.1:{port}/")
        options = ["--grpc-port", str(port), "--rest-port", str(pick_port()), "--port", str(pick_port())]
        with Process(["demo.py", "--repository", str(tmp_path / "models"), *options], tmp_path / "demo.log") as demo:
            assert demo.wait(20) == 1
            assert f"Port {port} is in use" in demo.output
            assert not (tmp_path / "models").exists()


def end(demo: Process, ports: list[int]) -> None:
    """Ctrl-C, and nothing of the demo may be left."""
    demo.signal(signal.SIGINT)
    assert demo.wait(40) == 0, demo.output
    listening = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listening.splitlines() if f"--port={ports[0]}" in line]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://localhost:{ports[2]}/healthz", timeout=5)
