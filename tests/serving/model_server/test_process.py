"""The process as an operator meets it: start, ports, polled configuration, signals."""

from __future__ import annotations

import re
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests

from contract.client import ModelSpec, ServingClient
from contract.errors import ServingError
from serving.model_server.command_line import usage, versions
from serving.model_server.flags import Settings
from serving.model_server.server import StartError, serve
from tests.serving.model_server.conftest import (
    START_S,
    ModelServer,
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


def busy(server: ModelServer, *, calls: int = 1) -> None:
    """Waits until so many slow calls have been worked on for a while."""
    idle = server.cpu_ticks()
    eventually(lambda: server.cpu_ticks() > idle + 20 * calls, what="the slow calls run")


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
        config.write_text("")
        eventually(lambda: "It is only legal to transition from one ModelConfigList" in server.log.read_text())
        assert server.client.predict(ModelSpec("b"), X).outputs["y"].tolist() == [4.0]
        config.write_text(models_config(("a", base)))
        eventually(lambda: server.states("b") == {1: "END"})

        with ThreadPoolExecutor(2) as pool:
            slow = pool.submit(server.client.predict, ModelSpec("a"), X, signature="slow", timeout_s=120)
            body = {"signature_name": "slow", "instances": [2.0]}
            rest = pool.submit(requests.post, f"{server.url}/a:predict", json=body, timeout=120)
            busy(server, calls=2)
            assert server.stop() == 0
            assert slow.result().version == 1
            assert rest.result().status_code == 200
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


def test_good_a_killed_server_starts_again_on_the_same_port_and_socket_and_a_second_signal_ends_it_at_once(
    tmp_path: Path, publish: Publish
) -> None:
    publish("toolbox", tmp_path / "m" / "1")
    with tempfile.TemporaryDirectory() as short:
        flags = (f"--model_base_path={tmp_path / 'm'}", f"--grpc_socket_path={short}/s")
        with start_server(tmp_path, *flags) as server:
            server.process.kill()
            server.process.wait()
        with (
            start_server(tmp_path, *flags, port=server.port, rest_port=server.rest_port) as server,
            ServingClient(f"unix:{short}/s") as client,
            ThreadPoolExecutor(1) as pool,
        ):
            assert client.predict(ModelSpec("default"), X).version == 1
            slow = pool.submit(client.predict, ModelSpec("default"), X, signature="slow", timeout_s=120)
            busy(server)
            server.process.send_signal(signal.SIGINT)
            eventually(lambda: "stopping" in server.log.read_text())
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(START_S) == -signal.SIGTERM
            with pytest.raises(ServingError):
                slow.result()


def test_good_flags_without_a_meaning_here_are_accepted_with_one_warning_each(tmp_path: Path, publish: Publish) -> None:
    publish("half_plus_two", tmp_path / "m" / "1")
    port = unused_port()
    ignored = (
        "--num_tflite_pools=7",
        "--flush_filesystem_caches=false",
        "--skip_initialize_tpu",
    )
    base_path = f"--model_base_path={tmp_path / 'm'}"
    with start_server(tmp_path, base_path, *ignored, port=port, rest_port=port) as server:
        assert server.client.predict(ModelSpec("default"), X).version == 1
        text = server.log.read_text()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(START_S) == 0
    warnings = re.findall(r"WARNING (--.*)", text)
    assert warnings == [
        "--flush_filesystem_caches=false is ignored: the kernel frees its page cache as memory is needed",
        "--num_tflite_pools=7 is ignored: each model has one interpreter",
        "--skip_initialize_tpu=true is ignored: this server computes on CPUs",
    ]
    assert "http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. Skipped" in text


def test_good_help_and_version_go_to_standard_output_without_a_model() -> None:
    shown, version = run_to_the_end("--help"), run_to_the_end("--version")
    assert (shown.returncode, shown.stderr) == (version.returncode, version.stderr) == (0, "")
    assert shown.stdout == f"{usage()}\n"
    assert version.stdout == f"{versions()}\n"


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
