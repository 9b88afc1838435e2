"""TensorFlow's C++ runtime without what it prints once a process, which is nothing that a person could act on."""

from __future__ import annotations

import functools
import logging
import os
import sys

import tensorflow as tf


@functools.cache
def quieted() -> None:
    """Lets the runtime say, unheard, what it says at a process's first session; no log level silences that."""
    tf.get_logger().setLevel(logging.ERROR)
    sys.stderr.flush()
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            session.run(tf.constant(0))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)
