"""TensorFlow without its noise on stderr, which belongs to the server's own log, one line an event."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


def configure_logging() -> None:
    """Sends the server's log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    # Libraries are heard when something is wrong.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("serving.model_server").setLevel(logging.INFO)


def import_tensorflow() -> None:
    """Loads what the server needs of TensorFlow, unheard."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # gRPC's C core prints to stderr what the server says in a sentence of its own, such as a port in use.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _skip_front_page()
    with _stderr_closed():
        importlib.import_module("serving.model_server.tf")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)


def start_runtime(config: Any) -> None:
    """Opens the first session, whose threads are those of all models, and which tells of CPU and optimisers.

    Args:
        config: The ``tensorflow.ConfigProto`` of the models' own sessions.
    """
    from serving.model_server import tf

    graph = tf.Graph()
    # No log level silences what it tells.
    with _stderr_closed(), tf.Session(graph=graph, config=config) as session:
        session.run(graph.create_op("NoOp", [], []))


def _skip_front_page() -> None:
    """Lets ``tensorflow.python`` be imported without ``tensorflow/__init__.py``.

    That module imports every public name of TensorFlow, and through Keras also scikit-learn, matplotlib and JAX where
    they are installed: five times the time and twice the memory of the parts that are used here. Operations and kernels
    are the same either way, for they are in the C++ library.
    """
    if "tensorflow" in sys.modules:
        return
    found = importlib.util.find_spec("tensorflow")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("TensorFlow is not installed")
    package = types.ModuleType("tensorflow")
    package.__spec__ = found
    package.__path__ = found.submodule_search_locations
    sys.modules["tensorflow"] = package


@contextmanager
def _stderr_closed() -> Iterator[None]:
    """Points the process's stderr at nothing, for C++ code that prints past Python."""
    sys.stderr.flush()
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
