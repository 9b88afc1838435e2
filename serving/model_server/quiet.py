"""TensorFlow without its noise on stderr, which belongs to the server's own log, one line an event."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


def configure_logging() -> None:
    """Sends the server's log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger = logging.getLogger("serving.model_server")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def import_tensorflow() -> None:
    """Loads TensorFlow and lets it say, unheard, what it says once a process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # gRPC's C core prints to stderr what the server says in a sentence of its own, such as a port in use.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with _stderr_closed():
        import tensorflow as tf

        tf.get_logger().setLevel(logging.ERROR)
        # The first session makes the runtime print about the optimisers it has; no log level silences that.
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            session.run(tf.constant(0))


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
