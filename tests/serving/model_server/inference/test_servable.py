"""A SavedModel loaded and run without a server: dtypes, compiled calls, what is said of one that cannot be loaded."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2

from serving.model_server.errors import DataLoss, InvalidArgument, NotFound, ServerError
from serving.model_server.inference import servable
from serving.model_server.inference.servable import Servable

DTYPES = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool", "string"]
DTYPES += [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


class Echoes(tf.Module):  # type: ignore[misc]  # untyped base
    """A signature for each dtype that gives back its input, a scalar, and one that fails for negative numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(tf.ones([1000]))

    def signatures(self) -> dict[str, Any]:
        echoes = {name: self._echo(tf.as_dtype(name)) for name in DTYPES}
        return {**echoes, "scalars": self.scalars, "root": self.root, "unused": self.weigh}

    def _echo(self, dtype: Any) -> Any:
        return tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(None, dtype, name="x")])

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])  # type: ignore[untyped-decorator]
    def scalars(self, x: Any) -> Any:
        return {"name": tf.constant(b"a\0\0"), "half": x / 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])  # type: ignore[untyped-decorator]
    def root(self, x: Any) -> Any:
        tf.debugging.assert_non_negative(x, "no root of a negative number")
        return {"y": tf.sqrt(x)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])  # type: ignore[untyped-decorator]
    def weigh(self, x: Any) -> Any:
        return {"y": x * tf.reduce_sum(self.weights)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("echoes") / "7"
    module = Echoes()
    tf.saved_model.save(module, str(folder), signatures=module.signatures())
    return folder


@pytest.fixture(scope="module")
def echoes(saved: Path) -> Iterator[Servable]:
    loaded = servable.load(saved)
    yield loaded
    loaded.close()


def values(dtype: str) -> np.ndarray:
    if dtype == "string":
        return np.array([[b"", b"a\0", b"\xff"]], np.object_)
    return np.array([[0, 1, 3]]).astype(tf.as_dtype(dtype).as_numpy_dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_good_every_dtype_comes_back_as_it_went_in(echoes: Servable, dtype: str) -> None:
    for sent in (values(dtype), values(dtype)[0, 1], values(dtype)[:0]):
        array = np.asarray(sent, values(dtype).dtype)
        answered = echoes.run(dtype, {"x": array}, ["y"])["y"]
        assert answered.dtype == array.dtype
        assert answered.shape == array.shape
        assert answered.tolist() == array.tolist()


def test_good_scalars_are_arrays_and_bytes_keep_their_zeros(echoes: Servable) -> None:
    outputs = echoes.run("scalars", {"x": np.float32(3)}, ["name", "half"])  # type: ignore[dict-item]
    assert {name: (array.shape, array.item()) for name, array in outputs.items()} == {
        "name": ((), b"a\0\0"),
        "half": ((), 1.5),
    }


def test_good_a_read_only_view_at_an_odd_address_may_be_fed(echoes: Servable) -> None:
    content = b"!" + np.arange(6, dtype=np.float32).tobytes()
    view = np.frombuffer(content, np.float32, offset=1).reshape(2, 3)
    assert echoes.run("float32", {"x": view}, ["y"])["y"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_good_it_knows_its_directory_and_its_signatures(echoes: Servable, saved: Path) -> None:
    assert echoes.path == saved
    assert set(DTYPES) < set(echoes.signatures)


def test_good_many_first_requests_compile_one_call(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, together = servable.load(saved), threading.Barrier(8)
    compiled: list[tuple[Any, ...]] = []
    compile_call = loaded._compile

    def counted(*key: Any) -> Any:
        compiled.append(key)
        return compile_call(*key)

    monkeypatch.setattr(loaded, "_compile", counted)

    def first(number: int) -> float:
        together.wait(30)
        return float(loaded.run("root", {"x": np.array([number**2], np.float32)}, ["y"])["y"][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(first, range(8))) == list(range(8))
    assert compiled == [("root", ("y",), 0)]
    loaded.close()


def test_good_a_client_that_asks_for_ever_other_outputs_fills_no_memory(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = servable.load(saved)
    monkeypatch.setattr(servable, "_MOST_CALLS", 2)
    for signature, outputs in [("scalars", ["name"]), ("scalars", ["half"]), ("scalars", ["name", "half"])] * 2:
        assert sorted(loaded.run(signature, {"x": np.array(3, np.float32)}, outputs)) == sorted(outputs)
        assert len(loaded._calls) <= 2
    loaded.close()


def test_bad_run_fails_with_the_models_own_words_and_the_next_one_succeeds(echoes: Servable) -> None:
    with pytest.raises(InvalidArgument, match="no root of a negative number"):
        echoes.run("root", {"x": np.array([-1], np.float32)}, ["y"])
    assert echoes.run("root", {"x": np.array([4], np.float32)}, ["y"])["y"].tolist() == [2.0]


def test_every_error_of_tensorflow_keeps_its_code_up_to_grpc() -> None:
    for name, code in error_codes_pb2.Code.items()[1:17]:
        # A model asks for no credentials.
        if name != "UNAUTHENTICATED":
            error = servable.from_tensorflow(tf.errors.OpError(None, None, "why", code))
            assert (error.status, str(error)) == (name, "why")
            assert grpc.StatusCode[error.status].value[0] == code


def load_error(path: Path, *tags: str) -> ServerError:
    with pytest.raises(ServerError) as caught:
        servable.load(path, tags=tags or ("serve",))
    return caught.value


def test_bad_directory_without_a_saved_model_is_told(tmp_path: Path) -> None:
    error = load_error(tmp_path)
    assert isinstance(error, NotFound)
    assert str(error) == (
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {tmp_path}. "
        "Check that the directory exists and that you have the right permissions for accessing it."
    )


def test_bad_tags_are_told(saved: Path) -> None:
    error = load_error(saved, "serve", "gpu")
    assert isinstance(error, NotFound)
    assert str(error).startswith("Could not find meta graph def matching supplied tags: { serve gpu }. To inspect ")


@pytest.mark.parametrize(("name", "kind"), [("saved_model.pb", "binary"), ("saved_model.pbtxt", "text")])
def test_bad_damaged_graph_is_told(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"not a SavedModel")
    error = load_error(tmp_path)
    assert isinstance(error, DataLoss)
    assert str(error) == f"Can't parse {tmp_path / name} as {kind} proto"


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_bad_damaged_variables_are_told(saved: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "1"
    shutil.copytree(saved, copy)
    (data,) = copy.glob("variables/variables.data-*")
    if damage == "missing":
        data.unlink()
    else:
        data.write_bytes(data.read_bytes()[:100])
    assert isinstance(load_error(copy), ServerError)
    assert str(load_error(copy))
