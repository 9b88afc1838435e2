"""The process as an operator meets it: start, ports, polled configuration, signals."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from contract.client import ModelSpec
from serving.model_server.flags import Settings
from serving.model_server.server import StartError, serve
from tests.serving.model_server.conftest import (
    answers,
    eventually,
    run_to_the_end,
    start_process,
    start_server,
    unused_port,
)

Publish = Callable[[str, Path], None]
X = {"x": np.array([2.0], np.float32)}


def models_config(*models: tuple[str, Path]) -> str:
    entries = (f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}' for name, path in models)
    return f"model_config_list {{ {' '.join(entries)} }}"


def test_good_ports_open_with_the_first_version_and_the_config_file_is_followed_until_sigterm_drains(
    tmp_path: Path, publish: Publish
) -> None:
    """One process for the whole story, because starting one costs seconds."""
    base, other = tmp_path / "a", tmp_path / "b"
    base.mkdir()
    other.mkdir()
    config = tmp_path / "models.config"
    config.write_text(models_config(("a", base)))
    polling = ("--model_config_file", str(config), "--model_config_file_poll_wait_seconds=1")
    publish("half_plus_three", other / "1")
    threading.Timer(0.5, lambda: publish("toolbox", base / "1")).start()
    with start_server(tmp_path, *polling) as server:
        assert server.states("a") == {1: "AVAILABLE"}
        config.write_text(models_config(("a", base), ("b", other)))
        eventually(lambda: "serving b version 1" in server.log.read_text())
        config.write_text("nonsense {")
        eventually(lambda: "Invalid protobuf file" in server.log.read_text())
        assert server.client.predict(ModelSpec("b"), X).outputs["y"].tolist() == [4.0]
        config.write_text(models_config(("a", base)))
        eventually(lambda: server.states("b") == {1: "END"})

        idle = server.cpu_ticks()
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(server.client.predict, ModelSpec("a"), X, signature="slow", timeout_s=120)
            eventually(lambda: server.cpu_ticks() > idle + 20, what="the slow request runs")
            assert server.stop() == 0
            assert slow.result().version == 1
        lines = server.log.read_text().splitlines()
        assert all(re.match(r"[-\d]{10} [:,\d]{12} (INFO|WARNING|ERROR) ", line) for line in lines), lines
        assert lines[-1].endswith("stopped")
        assert not answers(server.port)


def test_good_empty_base_path_keeps_the_ports_closed_and_sigterm_still_ends_the_process(tmp_path: Path) -> None:
    base = tmp_path / "m"
    base.mkdir()
    with start_process(tmp_path, f"--model_base_path={base}") as (process, port, rest_port, log):
        eventually(lambda: "No versions of servable default found under base path" in log.read_text())
        assert not answers(port)
        assert not answers(rest_port)
        process.terminate()
        assert process.wait(60) == 0


def test_bad_port_in_use_is_one_sentence_and_exit_status_255(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as holder:
        port = holder.getsockname()[1]
        result = run_to_the_end(f"--port={port}", f"--model_base_path={tmp_path}")
        rest = run_to_the_end(f"--port={unused_port()}", f"--rest_api_port={port}", f"--model_base_path={tmp_path}")
    sentence = f"Port {port} is in use: stop the process that listens on it, or choose another with --%s=PORT\n"
    assert (result.returncode, result.stderr) == (255, sentence % "port")
    assert (rest.returncode, rest.stderr) == (255, sentence % "rest_api_port")


def test_bad_flag_is_one_sentence_and_exit_status_255() -> None:
    result = run_to_the_end("--nonsense")
    assert result.returncode == 255
    assert result.stderr.startswith("unknown argument: --nonsense\nusage: python -m serving.model_server\nFlags:\n")


def test_bad_label_at_a_cold_start_is_refused_as_by_tensorflow_serving(tmp_path: Path, publish: Publish) -> None:
    publish("half_plus_two", tmp_path / "1")
    config = tmp_path / "models.config"
    label = 'version_labels { key: "stable" value: 1 }'
    config.write_text(models_config(("m", tmp_path)).replace(" } }", f" {label} }} }}"))
    result = run_to_the_end(f"--port={unused_port()}", f"--model_config_file={config}")
    assert result.returncode == 255
    assert result.stderr.endswith(
        "Failed to start server. Error: FAILED_PRECONDITION: Request to assign label to version 1 of model m, "
        "which is not currently available for inference\n"
    )


def test_bad_first_model_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    settings = Settings(port=unused_port(), model_base_path=str(tmp_path), max_num_load_retries=0)
    message = r"1 servable\(s\) did not become available: {{{name: default version: 1} due to error: NOT_FOUND: Could"
    with pytest.raises(StartError, match=f"Failed to start server. Error: UNKNOWN: {message}"):
        serve(settings, threading.Event(), started_s=0.0)
