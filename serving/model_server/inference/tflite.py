"""A loaded ``model.tflite``, as ``--prefer_tflite_model`` serves it in the place of a SavedModel."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server import errors, tf
from serving.model_server.inference.predict import SERVING_DEFAULT
from serving.model_server.inference.servable import Servable, Tensors

FILE = "model.tflite"
_PREDICT = "tensorflow/serving/predict"


class LiteServable(Servable):
    """A TensorFlow Lite model in memory. Thread-safe: one run at a time.

    It has one signature, the default one, whose inputs and outputs are called as its tensors are.
    """

    def __init__(self, interpreter: Any, path: Path) -> None:
        """Takes over the interpreter. `path` is the version directory."""
        self._inputs = {one["name"]: one for one in interpreter.get_input_details()}
        self._outputs = {one["name"]: one for one in interpreter.get_output_details()}
        definition = meta_graph_pb2.SignatureDef(method_name=_PREDICT)
        _describe(definition.inputs, self._inputs)
        _describe(definition.outputs, self._outputs)
        super().__init__(None, {SERVING_DEFAULT: definition}, path)
        self._interpreter = interpreter
        self._running = threading.Lock()

    def run(
        self,
        signature: str,  # noqa: ARG002  # there is but one
        inputs: Tensors,
        outputs: Sequence[str],
        *,
        timeout_ms: int = 0,  # noqa: ARG002  # an interpreter cannot be stopped
    ) -> Tensors:
        """As `Servable.run`, without its time limit."""
        with self._running:
            try:
                for name, array in inputs.items():
                    self._interpreter.resize_tensor_input(self._inputs[name]["index"], array.shape)
                self._interpreter.allocate_tensors()
                for name, array in inputs.items():
                    self._interpreter.set_tensor(self._inputs[name]["index"], array)
                self._interpreter.invoke()
            except (RuntimeError, ValueError) as error:
                raise errors.InvalidArgument(str(error)) from None
            return {name: self._interpreter.get_tensor(self._outputs[name]["index"]) for name in sorted(outputs)}

    def close(self) -> None:
        """Frees the model's memory, after a run still in progress."""
        with self._running:
            self._interpreter = None


def load(path: Path) -> LiteServable:
    """Loads the model in a version directory.

    Raises:
        InvalidArgument: It is damaged, or needs operations that TensorFlow Lite lacks here.
    """
    from tensorflow.lite.python.interpreter import Interpreter

    try:
        with warnings.catch_warnings():
            # It is to move to a package of its own one day.
            warnings.simplefilter("ignore")
            return LiteServable(Interpreter(str(path / FILE)), path)
    except (RuntimeError, ValueError) as error:
        raise errors.InvalidArgument(f"{path / FILE}: {error}") from None


def _describe(infos: Any, details: Mapping[str, Any]) -> None:
    for name, one in details.items():
        info = infos[name]
        info.name = name
        info.dtype = tf.as_dtype(one["dtype"]).as_datatype_enum
        for size in one["shape_signature"]:
            info.tensor_shape.dim.add(size=int(size))
