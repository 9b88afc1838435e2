"""Recorded requests of every kind, replayed without a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.model_server.errors import DataLoss, FailedPrecondition, InvalidArgument, ServerError, Unimplemented
from serving.model_server.inference import warmup
from serving.model_server.inference.servable import Servable, Tensors
from tests.serving.model_server.inference.test_classify import examples
from tests.serving.model_server.inference.test_multi_inference import request
from tests.serving.model_server.models_tf1 import CLASSIFY, REGRESS


class Recorder:
    """A runner that remembers what it ran."""

    def __init__(self) -> None:
        self.signatures: list[str] = []

    def __call__(
        self, servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
    ) -> Tensors:
        self.signatures.append(signature)
        return servable.run(signature, inputs, outputs, timeout_ms=timeout_ms)


def record(kind: str, signature: str = "") -> Any:
    """A PredictionLog of a request for a signature."""
    log = prediction_log_pb2.PredictionLog()
    one = getattr(log, f"{kind}_log").request
    if kind == "predict":
        one.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([[1], [2]], np.float32)))
    elif kind == "multi_inference":
        one.CopyFrom(request(("regress_x_to_y2", REGRESS), ("classify_x_to_y", CLASSIFY)))
        return log
    else:
        one.input.CopyFrom(examples(1, 2))
    one.model_spec.signature_name = signature
    return log


def write(version: Path, *records: Any) -> Path:
    path = version / warmup.REQUESTS
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in records:
            writer.write(one if isinstance(one, bytes) else one.SerializeToString())
    return version


def test_good_requests_of_every_kind_are_run_as_clients_would_run_them(half_plus_two: Servable, tmp_path: Path) -> None:
    records = (
        record("predict"),
        record("classify", "classify_x_to_y"),
        record("regress", "regress_x_to_y"),
        record("multi_inference"),
    )
    run = Recorder()
    assert warmup.replay(half_plus_two, write(tmp_path, *records), run=run) == 4
    once = ["serving_default", "classify_x_to_y", "regress_x_to_y", "regress_x_to_y2", "classify_x_to_y"]
    assert run.signatures == once


def test_good_request_is_iterated(half_plus_two: Servable, tmp_path: Path) -> None:
    run = Recorder()
    assert warmup.replay(half_plus_two, write(tmp_path, record("predict")), iterations=3, run=run) == 1
    assert run.signatures == ["serving_default"] * 3


def test_good_version_without_a_recording_runs_nothing(half_plus_two: Servable, tmp_path: Path) -> None:
    assert warmup.replay(half_plus_two, tmp_path) == 0


def test_good_records_without_a_request_are_counted(half_plus_two: Servable, tmp_path: Path) -> None:
    streamed = prediction_log_pb2.PredictionLog()
    streamed.predict_streamed_log.SetInParent()
    assert warmup.replay(half_plus_two, write(tmp_path, streamed, prediction_log_pb2.PredictionLog())) == 2


def test_good_thousand_records_and_not_one_more(half_plus_two: Servable, tmp_path: Path) -> None:
    nothing = [prediction_log_pb2.PredictionLog()] * 1000
    assert warmup.replay(half_plus_two, write(tmp_path / "1", *nothing)) == 1000
    with pytest.raises(InvalidArgument, match=r"^Number of warmup records exceeds the maximum \(1000\) at /"):
        warmup.replay(half_plus_two, write(tmp_path / "2", *nothing, *nothing[:1]))


def _session_run() -> Any:
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    return log


@pytest.mark.parametrize(
    ("one", "error", "text"),
    [
        (record("predict", "nosig"), FailedPrecondition, 'Serving signature key "nosig" not found.'),
        (record("regress", "nosig"), InvalidArgument, "No signature was found with the name: nosig"),
        (_session_run(), Unimplemented, "Unsupported log_type for warmup: 5"),
        (b"junk", InvalidArgument, "Failed to parse warmup record: junk from "),
    ],
)
def test_bad_record_fails_the_load(
    half_plus_two: Servable, tmp_path: Path, one: Any, error: type[ServerError], text: str
) -> None:
    with pytest.raises(error) as failure:
        warmup.replay(half_plus_two, write(tmp_path, record("predict"), one))
    assert str(failure.value).startswith(text)


def test_bad_file_is_told_to_be_no_tfrecord(half_plus_two: Servable, tmp_path: Path) -> None:
    path = write(tmp_path) / warmup.REQUESTS
    path.write_bytes(record("predict").SerializeToString())
    with pytest.raises(DataLoss, match=r"\. Please verify your warmup data is in TFRecord format\.$"):
        warmup.replay(half_plus_two, tmp_path)
