"""The few parts of TensorFlow that the server needs, under the names that they have there.

Nothing in the package imports ``tensorflow`` itself, nor more of it at the start than this: a server process need not
run ``tensorflow/__init__.py``, which loads Keras and whatever that finds installed (see `quiet.import_tensorflow`).
"""

from __future__ import annotations

from tensorflow.python.client.session import Session
from tensorflow.python.framework import errors
from tensorflow.python.framework.dtypes import as_dtype
from tensorflow.python.framework.ops import Graph
from tensorflow.python.lib.io.tf_record import tf_record_iterator
from tensorflow.python.saved_model.loader_impl import load as load_saved_model

__all__ = [
    "Graph",
    "Session",
    "as_dtype",
    "errors",
    "load_saved_model",
    "tf_record_iterator",
]
