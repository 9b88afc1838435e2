"""One loaded SavedModel: a TensorFlow session, and a compiled call for every set of outputs that is asked for.

The session is the TensorFlow 1 one, as in TensorFlow Serving: it runs SavedModels of both generations by tensor name,
without Python tracing, and fails with the same texts.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2

from serving.model_server import errors, tf
from serving.model_server.errors import DeadlineExceeded, NotFound, ServerError

Tensors = dict[str, NDArray[Any]]
SERVE = "serve"
_CALLER_RUNS = -1
_WORTH_STOPPING_S = 0.1
# A client may ask for any set of outputs, and each is another compiled call.
_MOST_CALLS = 100

_BY_CODE: dict[int, type[ServerError]] = {
    tf.errors.CANCELLED: errors.Cancelled,
    tf.errors.INVALID_ARGUMENT: errors.InvalidArgument,
    tf.errors.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    tf.errors.NOT_FOUND: errors.NotFound,
    tf.errors.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    tf.errors.FAILED_PRECONDITION: errors.FailedPrecondition,
    tf.errors.OUT_OF_RANGE: errors.OutOfRange,
    tf.errors.ABORTED: errors.Aborted,
    tf.errors.ALREADY_EXISTS: errors.AlreadyExists,
    tf.errors.PERMISSION_DENIED: errors.PermissionDenied,
    tf.errors.UNIMPLEMENTED: errors.Unimplemented,
    tf.errors.UNAVAILABLE: errors.Unavailable,
    tf.errors.INTERNAL: errors.Internal,
    tf.errors.DATA_LOSS: errors.DataLoss,
}


def from_tensorflow(error: Any) -> ServerError:
    """The one place where a TensorFlow error becomes one of ours."""
    return _BY_CODE.get(error.error_code, errors.Unknown)(error.message)


class Servable:
    """A SavedModel in memory. Thread-safe."""

    def __init__(self, session: Any, signatures: Mapping[str, Any], path: Path = Path()) -> None:
        """Takes over the session. `signatures` are its SignatureDefs by name, `path` is its version directory."""
        self.signatures = signatures
        self.path = path
        # Classify and Regress take any signature of the right shape, as TensorFlow Serving does by default.
        self.check_method_names = False
        self._session = session
        self._calls: dict[tuple[str, tuple[str, ...], int], Callable[..., list[NDArray[Any]]]] = {}
        self._fastest_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def run(self, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int = 0) -> Tensors:
        """Runs a signature.

        Args:
            signature: Its name; it exists.
            inputs: An array for each of its inputs, of the right dtype.
            outputs: The names of the outputs wanted; they exist.
            timeout_ms: Milliseconds until the run is given up; 0: never.

        Raises:
            DeadlineExceeded: It took longer.
            ServerError: The model failed, with TensorFlow's message.
        """
        wanted = tuple(sorted(outputs))
        limit_ms = self._limit_ms(signature, timeout_ms)
        try:
            call = self._call(signature, wanted, limit_ms)
            started_s = time.perf_counter()
            arrays = call(*(inputs[name] for name in sorted(self.signatures[signature].inputs)))
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from None
        elapsed_s = time.perf_counter() - started_s
        fastest_s = self._fastest_s.get(signature)
        # The first run of a signature says nothing of the others.
        self._fastest_s[signature] = math.inf if fastest_s is None else min(fastest_s, elapsed_s)
        if 0 < timeout_ms < elapsed_s * 1e3:
            raise DeadlineExceeded("Timed out waiting for notification")
        return {name: _as_array(value) for name, value in zip(wanted, arrays, strict=True)}

    def close(self) -> None:
        """Frees the model's memory. A run still in progress, which nobody waits for any more, is cancelled."""
        self._calls.clear()
        self._session.close()
        # A graph is full of cycles, and the collector would come by for it only after many a swap.
        self._session = None
        gc.collect()

    def _limit_ms(self, signature: str, timeout_ms: int) -> int:
        """The time limit to compile a call with; 0, no limit, for signatures that are sure to end before it matters.

        Rounded up, as every limit is another compiled call.
        """
        slow = _WORTH_STOPPING_S < self._fastest_s.get(signature, 0.0) < math.inf
        return 1 << (timeout_ms - 1).bit_length() if slow and timeout_ms > 0 else 0

    def _call(self, signature: str, outputs: tuple[str, ...], timeout_ms: int) -> Callable[..., list[NDArray[Any]]]:
        key = (signature, outputs, timeout_ms)
        call = self._calls.get(key)
        if call is None:
            # One at a time: of many first requests only one is to pay for it.
            with self._lock:
                call = self._calls.get(key)
                if call is None:
                    if len(self._calls) >= _MOST_CALLS:
                        # The oldest; a run that is still in it keeps it alive.
                        del self._calls[next(iter(self._calls))]
                    call = self._calls[key] = self._compile(*key)
        return call

    def _compile(self, signature: str, outputs: tuple[str, ...], timeout_ms: int) -> Callable[..., list[NDArray[Any]]]:
        definition = self.signatures[signature]
        options = config_pb2.CallableOptions()
        options.feed.extend(definition.inputs[name].name for name in sorted(definition.inputs))
        options.fetch.extend(definition.outputs[name].name for name in outputs)
        options.run_options.timeout_in_ms = timeout_ms
        if not timeout_ms:
            # Many requests run at once, each in a thread of its own: handing each operation to yet another one costs
            # a quarter of the time of a small model. A thread that is to keep the time cannot run them itself.
            options.run_options.inter_op_thread_pool = _CALLER_RUNS
        # Session.make_callable, the public name, casts inputs to the expected dtype and costs twice as much.
        call: Callable[..., list[NDArray[Any]]] = self._session._make_callable_from_options(options)
        return call


def load(path: Path, config: Any = None, tags: Collection[str] = (SERVE,)) -> Servable:
    """Loads the SavedModel in a version directory.

    Args:
        path: The directory.
        config: A ``tensorflow.ConfigProto``. The threads of the first one are those of all models.
        tags: Which of the SavedModel's graphs.

    Raises:
        ServerError: It is not there, damaged, or cannot run here.
    """
    if not any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise NotFound(
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. "
            "Check that the directory exists and that you have the right permissions for accessing it."
        )
    graph = tf.Graph()
    session = tf.Session(graph=graph, config=config)
    try:
        with graph.as_default():
            model = tf.load_saved_model(session, tags, str(path))
    except BaseException as error:
        session.close()
        raise _load_error(error, path, tags) from error
    return Servable(session, dict(model.signature_def.items()), path)


def _as_array(value: Any) -> NDArray[Any]:
    """TensorFlow gives scalars bare; of bytes, numpy alone would make an array without their trailing zeros."""
    if isinstance(value, np.ndarray):
        return value
    return np.array(value, np.object_) if isinstance(value, bytes) else np.asarray(value)


def _load_error(error: BaseException, path: Path, tags: Collection[str]) -> BaseException:
    if isinstance(error, tf.errors.OpError):
        return from_tensorflow(error)
    if isinstance(error, OSError):
        return _unreadable(error, path)
    if isinstance(error, RuntimeError) and str(error).startswith("MetaGraphDef associated with tags"):
        return NotFound(
            f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. "
            "To inspect available tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
        )
    if isinstance(error, (RuntimeError, ValueError, KeyError)):
        return errors.InvalidArgument(f"{type(error).__name__}: {error}")
    return error


def _unreadable(error: OSError, path: Path) -> ServerError:
    if not str(error).startswith("Cannot parse file"):
        return errors.DataLoss(str(error))
    binary = path / "saved_model.pb"
    name, kind = (binary, "binary") if binary.is_file() else (path / "saved_model.pbtxt", "text")
    return errors.DataLoss(f"Can't parse {name} as {kind} proto")
