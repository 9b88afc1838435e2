"""TensorFlow Lite models, served in the place of a SavedModel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference import tflite
from serving.model_server.inference.predict import SERVING_DEFAULT, predict
from tests.serving.model_server.models import HalfPlus


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version directory with a half_plus_two."""
    folder = tmp_path_factory.mktemp("lite")
    model = HalfPlus(2.0)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.half_plus.get_concrete_function()], model)
    (folder / tflite.FILE).write_bytes(converter.convert())
    return folder


def names(servable: tflite.LiteServable) -> tuple[str, str]:
    """Of the one input and the one output."""
    definition = servable.signatures[SERVING_DEFAULT]
    (x,), (y,) = definition.inputs, definition.outputs
    return x, y


def test_good_batches_of_any_size_run_by_the_names_of_the_tensors(version: Path) -> None:
    servable = tflite.load(version)
    x, y = names(servable)
    for batch in ([1.0, 2.0, 5.0], [4.0]):
        outputs = predict(servable, SERVING_DEFAULT, {x: np.array(batch, np.float32)})
        np.testing.assert_array_equal(outputs[y], np.array(batch, np.float32) / 2 + 2)
    servable.close()


def test_good_answer_is_not_overwritten_by_the_next_run(version: Path) -> None:
    servable = tflite.load(version)
    x, y = names(servable)
    first = predict(servable, SERVING_DEFAULT, {x: np.array([2.0], np.float32)})[y]
    predict(servable, SERVING_DEFAULT, {x: np.array([4.0], np.float32)})
    assert first.tolist() == [3.0]
    servable.close()


def test_bad_dtype_is_refused_and_the_next_request_is_answered(version: Path) -> None:
    servable = tflite.load(version)
    x, _ = names(servable)
    with pytest.raises(InvalidArgument, match="Expects arg"):
        predict(servable, SERVING_DEFAULT, {x: np.array([2], np.int32)})
    assert predict(servable, SERVING_DEFAULT, {x: np.array([2.0], np.float32)})
    servable.close()


def test_bad_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / tflite.FILE).write_bytes(b"nonsense")
    with pytest.raises(InvalidArgument, match=tflite.FILE):
        tflite.load(tmp_path)
