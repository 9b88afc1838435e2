"""The ``--batching_parameters_file``: TensorFlow Serving's text-proto ``BatchingParameters``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.model_server import cpus, text_proto
from serving.model_server.errors import InvalidArgument

PER_MODEL_FILE = "batching_params.pbtxt"
"""In a version directory, where ``--enable_per_model_batching_parameters`` looks for parameters."""


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are joined; the defaults are those of TensorFlow Serving.

    Attributes:
        max_batch_size: Rows in a request, and in a run unless `max_execution_batch_size` says otherwise.
        batch_timeout_s: How long a batch that is not full waits for more, in seconds.
        max_enqueued_batches: Batches of one kind that may wait for a thread; one more is refused.
        num_batch_threads: Runs at the same time, over all models.
        thread_pool_name: What the names of the batch threads begin with.
        allowed_batch_sizes: Sizes to which a run is padded; empty: any.
        pad_variable_length_inputs: Pad inputs to the longest instead of batching equal shapes only.
        enable_large_batch_splitting: Spread the rows of one request over several runs.
        max_execution_batch_size: Rows in a run when splitting; 0: `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = cpus.USABLE
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        if self.num_batch_threads < 1:
            raise InvalidArgument(f"num_batch_threads must be positive; was {self.num_batch_threads}")
        if self.max_batch_size < 1:
            raise InvalidArgument(f"input_batch_size_limit must be positive; was {self.max_batch_size}")
        if self.batch_timeout_s < 0:
            micros = round(self.batch_timeout_s * 1e6)
            raise InvalidArgument(f"batch_timeout_micros must be non-negative; was {micros}")
        if self.max_enqueued_batches < 1:
            raise InvalidArgument(f"max_enqueued_batches must be positive; was {self.max_enqueued_batches}")
        self._check_sizes()

    @property
    def run_limit(self) -> int:
        """Rows in a run."""
        splits = self.enable_large_batch_splitting and self.max_execution_batch_size
        return self.max_execution_batch_size if splits else self.max_batch_size

    def _check_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if sizes and sizes[-1] != self.max_batch_size:
            raise InvalidArgument(
                f"Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {sizes[-1]}; expected {self.max_batch_size}"
            )
        if not 0 < self.run_limit <= self.max_batch_size:
            # The official text ends in these three numbers, unseparated.
            raise InvalidArgument(
                "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to "
                f"max_execution_batch_size.1{self.max_batch_size}{self.run_limit}"
            )


def read_batching_parameters(path: Path) -> BatchingParameters:
    """Reads the file.

    Raises:
        InvalidArgument: It is missing, is no text-proto, has an unknown field, or makes no sense.
    """
    message = text_proto.empty("BatchingParameters")
    text_proto.read(path, message)
    return batching_parameters(message)


def batching_parameters(message: Any) -> BatchingParameters:
    """A ``tensorflow.serving.BatchingParameters``, checked.

    Raises:
        InvalidArgument: It makes no sense.
    """
    given = {
        field.name: value.value if field.message_type else value
        for field, value in message.ListFields()
        if field.name != "allowed_batch_sizes"
    }
    if "batch_timeout_micros" in given:
        given["batch_timeout_s"] = given.pop("batch_timeout_micros") / 1e6
    if given.get("max_enqueued_batches") == 0 and not given.get("enable_large_batch_splitting"):
        # TensorFlow Serving takes it so, for the sake of old files.
        given["max_enqueued_batches"] = 1
    return BatchingParameters(**given, allowed_batch_sizes=tuple(message.allowed_batch_sizes))
