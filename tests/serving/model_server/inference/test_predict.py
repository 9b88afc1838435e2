"""A Predict request against its signature, without a server: every dtype, defaults, and each mistake's text."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from serving.model_server.errors import DeadlineExceeded, Internal, InvalidArgument
from serving.model_server.inference import servable as module
from serving.model_server.inference import tensors
from serving.model_server.inference.predict import predict
from serving.model_server.inference.servable import Servable, load
from tests.serving.model_server import models_tf1

SHAPES = ((), (2,), (2, 3), (0,), (0, 3))


def values(name: str, shape: tuple[int, ...]) -> Any:
    """Some values of a dtype, as an array."""
    if name == "string":
        return np.asarray(tf.fill(shape, b"\xff\0").numpy(), np.object_)
    return np.full(shape, 3, tf.as_dtype(name).as_numpy_dtype)


@pytest.mark.parametrize("as_content", [True, False])
@pytest.mark.parametrize("name", models_tf1.ECHOED)
def test_good_tensors_of_every_dtype_and_shape_come_back_as_they_went(
    oddities: Servable, name: str, as_content: bool
) -> None:
    for shape in SHAPES:
        sent = values(name, shape)
        request = {"given": tensors.to_proto(sent, as_content=as_content)}
        got = predict(oddities, f"echo_{name}", request)["given"]
        assert (got.dtype, got.shape) == (sent.dtype, shape)
        assert got.tolist() == sent.tolist()
        # The answer says what TensorFlow would: a shape even for a scalar, values in the dtype's own field.
        expected = tf.constant(sent, tf.as_dtype(name))
        answer = tensors.to_proto(got, as_content=as_content)
        assert tf.io.parse_tensor(answer.SerializeToString(), expected.dtype).shape == shape
        assert answer.HasField("tensor_shape")
        assert bool(answer.tensor_content) == (as_content and got.size > 0)


def test_good_defaults_stand_in_for_inputs_that_are_not_sent(oddities: Servable) -> None:
    a, b = np.array([1, 2], np.float32), np.array(5, np.float32)
    assert predict(oddities, "defaults", {"a": a})["sum"].tolist() == [11, 12]
    assert predict(oddities, "defaults", {"a": a, "b": b})["sum"].tolist() == [6, 7]


def test_good_table_and_asset_of_tensorflow_1(half_plus_two: Servable) -> None:
    words = np.array([b"two", b"three", b"zero"], np.object_)
    assert predict(half_plus_two, "lookup", {"words": words})["ids"].tolist() == [2, -1, 0]


def test_good_two_outputs_may_be_one_tensor(oddities: Servable) -> None:
    outputs = predict(oddities, "unheard_of", {"inputs": np.array([b""], np.object_)})
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "scores": [[0.25, 0.75]],
        "again": [[0.25, 0.75]],
    }


A, B = np.array(1, np.float32), np.array(2, np.int32)


@pytest.mark.parametrize(
    ("signature", "inputs", "text"),
    [
        (
            "defaults",
            {"b": A},
            "Signature input alias: a(feed name: default_a:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {b}, or default input alias set: b",
        ),
        (
            "defaults",
            {"a": A, "c": A},
            "Inputs contains invalid name. Used request inputs: a, request input: a,c",
        ),
        # The session counts arguments in the order of their tensors' names, y_b before z_a.
        ("scalar", {"a": B, "b": B}, "Expects arg[1] to be float but int32 is provided"),
        ("scalar", {"a": B, "b": A}, "Expects arg[0] to be int32 but float is provided"),
        ("echo_float16", {"given": A}, "Expects arg[0] to be half but float is provided"),
        ("echo_string", {"given": A}, "Expects arg[0] to be string but float is provided"),
    ],
)
def test_bad_inputs_are_refused(oddities: Servable, signature: str, inputs: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        predict(oddities, signature, inputs)
    assert str(refusal.value) == text


def test_bad_tensor_is_not_looked_at_before_the_names_are_right(oddities: Servable) -> None:
    broken = tf.make_tensor_proto([1.0, 2.0])
    broken.tensor_content = b"123"
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: given$"):
        predict(oddities, "echo_float32", {"given": broken})
    with pytest.raises(InvalidArgument, match=r"^input size does not match signature: 2!=1"):
        predict(oddities, "echo_float32", {"given": broken, "more": broken})


def test_bad_method_name_is_refused_only_where_it_is_checked(
    oddities: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = {"inputs": np.array([b""], np.object_)}
    assert predict(oddities, "unheard_of", examples)
    monkeypatch.setattr(oddities, "check_method_names", True)
    assert predict(oddities, "classify_both", examples)
    with pytest.raises(Internal) as refusal:
        predict(oddities, "unheard_of", examples)
    assert str(refusal.value) == (
        "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: a/method/of/ours"
    )


def test_a_signature_known_to_be_slow_is_stopped_at_its_time_limit(
    oddities: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spin(times: int, timeout_ms: int) -> int:
        return int(predict(oddities, "spin", {"times": np.array(times)}, timeout_ms=timeout_ms)["count"])

    late = r"^Timed out waiting for notification$"
    with pytest.raises(DeadlineExceeded, match=late):
        spin(50_000, 1)
    monkeypatch.setattr(module, "_WORTH_STOPPING_S", 0.0)
    assert spin(10, 60_000) == 10
    # Without a limit on the run itself this would take weeks.
    with pytest.raises(DeadlineExceeded, match=late):
        spin(10**12, 50)


def test_good_table_and_asset_of_tensorflow_2(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("zero\none\n")
    model = tf.Module()
    model.asset = tf.saved_model.Asset(str(file))
    line = tf.lookup.TextFileIndex.LINE_NUMBER
    rows = tf.lookup.TextFileInitializer(model.asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, line)
    model.table = tf.lookup.StaticHashTable(rows, -1)
    lookup = tf.function(
        lambda words: {"ids": model.table.lookup(words), "file": tf.io.read_file(model.asset.asset_path)},
        input_signature=[tf.TensorSpec([None], tf.string, "words")],
    )
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=lookup)
    file.unlink()
    with closing(load(tmp_path / "1")) as servable:
        outputs = predict(servable, "serving_default", {"words": np.array([b"one", b"two"], np.object_)})
    assert outputs["ids"].tolist() == [1, -1]
    assert outputs["file"].tolist() == b"zero\none\n"
