"""Batching in the real process: requests share runs, get their own rows, and are refused with the official texts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests

from contract.client import ModelSpec, Prediction
from contract.errors import InvalidRequest
from tests.serving.model_server.conftest import ModelServer, eventually, run_to_the_end, start_server

PARAMETERS = """max_batch_size { value: 32 } batch_timeout_micros { value: 100000 }
  max_enqueued_batches { value: 100 } allowed_batch_sizes: 4 allowed_batch_sizes: 16 allowed_batch_sizes: 32"""


@pytest.fixture(scope="module")
def batching_server(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Model ``m`` has batching parameters of its own; ``plain`` has none, and is not batched."""
    folder = tmp_path_factory.mktemp("batching")
    for name in ("m", "plain"):
        shutil.copytree(saved_models / "toolbox", folder / name / "1")
    (folder / "m" / "1" / "batching_params.pbtxt").write_text(PARAMETERS)
    (folder / "threads.txt").write_text("num_batch_threads { value: 2 } max_batch_size { value: 1 }")
    models = " ".join(
        f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}'
        for name in ("m", "plain")
    )
    (folder / "models.config").write_text(f"model_config_list {{ {models} }}")
    flags = (
        "--enable_batching",
        f"--batching_parameters_file={folder / 'threads.txt'}",
        "--enable_per_model_batching_parameters",
        f"--model_config_file={folder / 'models.config'}",
    )
    with start_server(folder, *flags) as running:
        yield running


def ask(server: ModelServer, x: np.ndarray, model: str = "m") -> Prediction:
    return server.client.predict(ModelSpec(model), {"x": x.astype(np.float32)}, signature="width", timeout_s=60)


def test_good_concurrent_requests_share_a_run_and_get_their_own_rows(batching_server: ModelServer) -> None:
    inputs = [np.full((1 + number % 3, 2), number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        predictions = list(pool.map(lambda x: ask(batching_server, x), inputs))
    for x, prediction in zip(inputs, predictions, strict=True):
        np.testing.assert_array_equal(prediction.outputs["sum"], x.sum(axis=1))
    assert max(int(prediction.outputs["rows"][0]) for prediction in predictions) == 16


def test_good_requests_of_different_shapes_do_not_share_a_run(batching_server: ModelServer) -> None:
    inputs = [np.ones((1, columns)) for columns in (2, 3, 2, 3)]
    with ThreadPoolExecutor(4) as pool:
        predictions = list(pool.map(lambda x: ask(batching_server, x), inputs))
    assert [int(prediction.outputs["columns"][0]) for prediction in predictions] == [2, 3, 2, 3]


def test_good_lone_request_is_padded_to_an_allowed_size(batching_server: ModelServer) -> None:
    prediction = ask(batching_server, np.ones((3, 2)))
    assert prediction.outputs["rows"].tolist() == [4, 4, 4]


def test_good_version_without_parameters_is_not_batched(batching_server: ModelServer) -> None:
    assert ask(batching_server, np.ones((40, 2)), "plain").outputs["rows"].tolist() == [40] * 40
    scalar = {"x": np.array(1.0, np.float32)}
    assert batching_server.client.predict(ModelSpec("plain"), scalar).outputs["y"] == 2.5


def test_good_row_form_over_rest_is_batched(batching_server: ModelServer) -> None:
    body = {"signature_name": "width", "instances": [[1.0, 2.0]] * 3}
    answer = requests.post(f"{batching_server.url}/m:predict", json=body, timeout=60)
    assert answer.json() == {"predictions": [{"columns": 2, "rows": 4, "sum": 3.0}] * 3}


def test_bad_request_larger_than_a_batch_is_refused(batching_server: ModelServer) -> None:
    with pytest.raises(InvalidRequest, match="Task size 40 is larger than maximum input batch size 32"):
        ask(batching_server, np.ones((40, 2)))
    answer = requests.post(f"{batching_server.url}/m:predict", json={"instances": [1.0] * 40}, timeout=60)
    assert answer.status_code == 400
    assert answer.json() == {"error": "Task size 40 is larger than maximum input batch size 32"}


def test_bad_inputs_without_a_common_first_dimension_are_refused(batching_server: ModelServer) -> None:
    inputs = {"a": np.ones(2, np.float32), "b": np.ones(3, np.int32)}
    with pytest.raises(InvalidRequest, match="input tensors must have equal 0th-dimension size"):
        batching_server.client.predict(ModelSpec("m"), inputs, signature="two")
    scalar = {"x": np.array(1.0, np.float32)}
    with pytest.raises(InvalidRequest, match="input tensors must have at least one dimension"):
        batching_server.client.predict(ModelSpec("m"), scalar)


def test_bad_dtype_spoils_no_batch(batching_server: ModelServer) -> None:
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(ask, batching_server, np.ones((1, 2)))
        wrong = {"x": np.ones((1, 2), np.int32)}
        with pytest.raises(InvalidRequest, match=r"Expects arg\[0\] to be float but int32 is provided"):
            batching_server.client.predict(ModelSpec("m"), wrong, signature="width")
        assert good.result().outputs["sum"].tolist() == [2.0]


def test_good_a_request_that_waits_for_a_full_batch_is_answered_when_the_server_stops(
    saved_models: Path, tmp_path: Path
) -> None:
    shutil.copytree(saved_models / "half_plus_two", tmp_path / "m" / "1")
    parameters = tmp_path / "batching.txt"
    parameters.write_text(
        "batch_timeout_micros { value: 600000000 } max_batch_size { value: 2 } max_enqueued_batches { value: 1 }"
    )
    flags = (f"--model_base_path={tmp_path / 'm'}", "--model_name=m", "--rest_api_timeout_in_ms=600000")
    batching = ("--enable_batching", f"--batching_parameters_file={parameters}")

    def post(instances: list[float]) -> requests.Response:
        return requests.post(f"{server.url}/m:predict", json={"instances": instances}, timeout=60)

    with start_server(tmp_path, *flags, *batching) as server, ThreadPoolExecutor(1) as client:
        waiting = client.submit(post, [4.0])
        eventually(lambda: post([1.0, 2.0]).status_code == 503, what="a queue with a request in it")
        assert server.stop() == 0
        assert waiting.result().json() == {"predictions": [4.0]}


def test_bad_parameters_keep_the_server_from_starting(tmp_path: Path) -> None:
    parameters = tmp_path / "batching.txt"
    parameters.write_text("num_batch_threads { value: 0 }")
    ended = run_to_the_end(
        "--enable_batching", f"--batching_parameters_file={parameters}", f"--model_base_path={tmp_path}"
    )
    assert ended.returncode != 0
    assert "Failed to start server. Error: INVALID_ARGUMENT: num_batch_threads must be positive; was 0" in ended.stderr
