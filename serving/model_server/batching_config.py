"""The ``--batching_parameters_file``: TensorFlow Serving's text-proto ``BatchingParameters``.

The message is not part of the ``tensorflow-serving-api`` package, so its fields are declared here.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from serving.model_server.config import read_text_proto
from serving.model_server.errors import InvalidArgument


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are joined; the defaults are those of TensorFlow Serving.

    Attributes:
        max_batch_size: Rows in a run, and in a request.
        batch_timeout_s: How long a request waits for others, in seconds.
        max_enqueued_batches: Batches that may wait for a thread; one more is refused.
        num_batch_threads: Runs at the same time, over all models.
        allowed_batch_sizes: Sizes to which a batch is padded, ascending; empty: any.
        pad_variable_length_inputs: Pad inputs to the longest instead of batching equal shapes only.
    """

    max_batch_size: int = 1000
    batch_timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise InvalidArgument(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_s < 0:
            raise InvalidArgument(f"batch_timeout_micros must not be negative; was {self.batch_timeout_s * 1e6:.0f}")
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or any(low >= high for low, high in itertools.pairwise(sizes))):
            raise InvalidArgument(f"allowed_batch_sizes entries must be monotonically increasing; were {list(sizes)}")
        if sizes and sizes[-1] != self.max_batch_size:
            raise InvalidArgument(
                f"Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {sizes[-1]}; expected {self.max_batch_size}"
            )


def read_batching_parameters(path: Path) -> BatchingParameters:
    """Reads the file.

    Raises:
        InvalidArgument: It is missing, is no text-proto, has an unknown field, or makes no sense.
    """
    message: Any = message_factory.GetMessageClass(_descriptor())()
    read_text_proto(path, message)
    defaults = BatchingParameters()
    micros = _value(message, "batch_timeout_micros", 0)
    return BatchingParameters(
        max_batch_size=_value(message, "max_batch_size", defaults.max_batch_size),
        batch_timeout_s=micros / 1e6,
        max_enqueued_batches=_value(message, "max_enqueued_batches", defaults.max_enqueued_batches),
        num_batch_threads=_value(message, "num_batch_threads", defaults.num_batch_threads),
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
    )


def _value(message: Any, name: str, default: int) -> int:
    return int(getattr(message, name).value) if message.HasField(name) else default


def _descriptor() -> Any:
    """The descriptor of ``tensorflow.serving.BatchingParameters``, field numbers as in session_bundle_config.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    wrapped = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    field = descriptor_pb2.FieldDescriptorProto
    for number, name in enumerate(wrapped, start=1):
        kind = ".google.protobuf.Int64Value"
        message.field.add(name=name, number=number, type=field.TYPE_MESSAGE, type_name=kind, label=field.LABEL_OPTIONAL)
    kind = ".google.protobuf.StringValue"
    message.field.add(
        name="thread_pool_name", number=5, type=field.TYPE_MESSAGE, type_name=kind, label=field.LABEL_OPTIONAL
    )
    message.field.add(name="allowed_batch_sizes", number=6, type=field.TYPE_INT64, label=field.LABEL_REPEATED)
    message.field.add(name="pad_variable_length_inputs", number=7, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    # A pool of its own: the process may hold the real message under the same name.
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters")
