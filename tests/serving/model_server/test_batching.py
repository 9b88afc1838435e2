"""Batching in the real process: requests share runs, get their own rows, and are refused when too large."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from contract.client import ModelSpec, Prediction
from contract.errors import InvalidRequest
from serving.model_server.batching import Batcher
from serving.model_server.batching_config import BatchingParameters
from serving.model_server.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from serving.model_server.servable import Servable, Tensors
from tests.serving.model_server.conftest import ModelServer, eventually, start_server

PARAMETERS = """max_batch_size { value: 32 } batch_timeout_micros { value: 100000 } num_batch_threads { value: 2 }
  max_enqueued_batches { value: 100 } allowed_batch_sizes: 4 allowed_batch_sizes: 16 allowed_batch_sizes: 32"""


@pytest.fixture(scope="module")
def batching_server(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    folder = tmp_path_factory.mktemp("batching")
    shutil.copytree(saved_models / "toolbox", folder / "m" / "1")
    (folder / "batching.txt").write_text(PARAMETERS)
    flags = ("--enable_batching", f"--batching_parameters_file={folder / 'batching.txt'}")
    with start_server(folder, f"--model_base_path={folder / 'm'}", "--model_name=m", *flags) as running:
        yield running


def ask(server: ModelServer, x: np.ndarray) -> Prediction:
    return server.client.predict(ModelSpec("m"), {"x": x.astype(np.float32)}, signature="width", timeout_s=60)


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


def test_bad_request_larger_than_a_batch_is_refused(batching_server: ModelServer) -> None:
    with pytest.raises(InvalidRequest, match="Task size 40 is larger than maximum input batch size 32"):
        ask(batching_server, np.ones((40, 2)))


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


class Held(Servable):
    """Runs nothing until released; answers with its inputs, or a part of them."""

    def __init__(self) -> None:
        super().__init__(None, {})
        self.sizes: list[tuple[int, ...]] = []
        self.output = slice(None)

    def run(self, signature: str, inputs: Tensors, outputs: object, *, timeout_ms: int = 0) -> Tensors:  # noqa: ARG002
        self.sizes.append(inputs["x"].shape)
        return {"y": inputs["x"][self.output]}


def run(batcher: Batcher, servable: Servable, x: np.ndarray, timeout_ms: int = 10_000) -> np.ndarray:
    return batcher(servable, "s", {"x": x}, ("y",), timeout_ms=timeout_ms)["y"]


def test_good_variable_lengths_are_padded_with_the_first_value() -> None:
    batcher = Batcher(BatchingParameters(max_batch_size=2, batch_timeout_s=10, pad_variable_length_inputs=True))
    servable = Held()
    with ThreadPoolExecutor(2) as pool:
        short = pool.submit(run, batcher, servable, np.array([[7, 8]]))
        long = pool.submit(run, batcher, servable, np.array([[1, 2, 3]]))
        assert short.result().tolist() == [[7, 8, 7]]
        assert long.result().tolist() == [[1, 2, 3]]
    assert servable.sizes == [(2, 3)]
    batcher.close()


def test_bad_full_queue_is_refused_and_late_answers_are_given_up() -> None:
    batcher = Batcher(BatchingParameters(max_batch_size=1, batch_timeout_s=60, max_enqueued_batches=1))
    wide = Batcher(BatchingParameters(max_batch_size=2, batch_timeout_s=60, max_enqueued_batches=1))
    servable = Held()
    assert run(batcher, servable, np.ones(1)).tolist() == [1.0]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, wide, servable, np.ones(1), 300)
        eventually(lambda: not wide._scheduler.empty)
        with pytest.raises(Unavailable, match="The batch scheduling queue to which this task was submitted is full"):
            run(wide, servable, np.ones(2))
        with pytest.raises(ResourceExhausted):
            waiting.result()


@pytest.mark.parametrize(
    ("output", "message"),
    [(0, "Batched output tensor has 0 dimensions"), (slice(1, None), "0th dimension does not equal the sum")],
)
def test_bad_outputs_that_cannot_be_split_fail_the_requests(output: slice | int, message: str) -> None:
    batcher, servable = Batcher(BatchingParameters()), Held()
    servable.output = output  # type: ignore[assignment]  # a number takes a row away
    with pytest.raises(FailedPrecondition, match=message):
        run(batcher, servable, np.ones(3))


def test_bad_empty_input_among_longer_ones_is_refused() -> None:
    batcher = Batcher(BatchingParameters(max_batch_size=2, batch_timeout_s=10, pad_variable_length_inputs=True))
    servable = Held()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(run, batcher, servable, np.ones((1, 2)))
        with pytest.raises(InvalidArgument, match="Got empty tensor in batch of non-empty tensors"):
            run(batcher, servable, np.ones((1, 0)))
        assert isinstance(other.exception(), InvalidArgument)
