"""A way to run a model server: its threads, and how it batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GRPC_THREADS = 64
"""``--grpc_max_threads`` of every candidate, and the most clients there may be.

It is not tuned: below the number of calls in flight TensorFlow Serving refuses calls at random, above it, it costs
nothing.
"""


@dataclass(frozen=True)
class Batching:
    """TensorFlow Serving's BatchingParameters, as far as they are tuned.

    Attributes:
        size: ``max_batch_size``, in pictures.
        timeout_us: ``batch_timeout_micros``: how long a batch that is not full waits for more.
        threads: ``num_batch_threads``: batches that run at the same time.
        padded: Runs are padded to powers of two (``allowed_batch_sizes``), so that few shapes occur.
    """

    size: int
    timeout_us: int
    threads: int
    padded: bool = False

    def __str__(self) -> str:
        padded = ", padded" if self.padded else ""
        return f"batches of {self.size}, {self.timeout_us} us, {_count(self.threads, 'thread')}{padded}"

    @property
    def allowed_sizes(self) -> list[int]:
        """Powers of two and, as TensorFlow Serving demands, the largest batch at the end; empty if not padded."""
        powers = [1 << power for power in range(self.size.bit_length()) if 1 << power < self.size]
        return [*powers, self.size] if self.padded else []

    def to_text(self) -> str:
        """The text proto of ``--batching_parameters_file``."""
        lines = [
            f"max_batch_size {{ value: {self.size} }}",
            f"batch_timeout_micros {{ value: {self.timeout_us} }}",
            f"num_batch_threads {{ value: {self.threads} }}",
            # As many as there are gRPC threads: no call is refused because the queue is full.
            f"max_enqueued_batches {{ value: {GRPC_THREADS} }}",
            *(f"allowed_batch_sizes: {size}" for size in self.allowed_sizes),
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Candidate:
    """What is measured against other such.

    Attributes:
        intra_op: Threads inside one operation; 0: TensorFlow Serving's default, one a CPU.
        inter_op: Threads for operations side by side; 0: the same.
        batching: How requests are joined; None: not at all.
        copy: Tells apart servers that are configured alike; the second copy of the baseline shows the noise.
    """

    intra_op: int = 0
    inter_op: int = 0
    batching: Batching | None = None
    copy: int = 0

    def __str__(self) -> str:
        if self == BASELINE:
            return "TensorFlow Serving's defaults"
        if self == TWIN:
            return "TensorFlow Serving's defaults once more"
        threads = "default threads" if not self.intra_op else f"intra {self.intra_op}, inter {self.inter_op}"
        return f"{threads}; {self.batching or 'batching off'}"

    @property
    def thread_flags(self) -> list[str]:
        """The two flags of TensorFlow's threads; none where they are the defaults."""
        if not self.intra_op:
            return []
        return [
            f"--tensorflow_intra_op_parallelism={self.intra_op}",
            f"--tensorflow_inter_op_parallelism={self.inter_op}",
        ]

    def flags(self, batching_file: Path) -> list[str]:
        """The flags by which it differs from others; a batching candidate reads `batching_file`."""
        batching = ["--enable_batching=true", f"--batching_parameters_file={batching_file}"] if self.batching else []
        return [*self.thread_flags, *batching]


BASELINE = Candidate()
"""TensorFlow Serving as it is without flags: no batching, threads of each kind as many as CPUs."""

TWIN = Candidate(copy=1)
"""The baseline in a second process: whatever tells the two apart is noise."""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
