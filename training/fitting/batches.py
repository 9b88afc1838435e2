"""Training batches, gathered in a thread of their own while the network works on the one before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.dataset import Part

_AHEAD = 4


@dataclass(frozen=True)
class Batch:
    """Pictures uint8 [N, H, W, C], their labels one-hot float32 [N, K], and what each counts, float32 [N]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]


class Batches:
    """The batches of each epoch, in an order that hangs on the seed and the epoch alone: a resumed run repeats it.

    Attributes:
        size: Pictures a batch, at most as many as there are.
        class_weights: float32 [K], what a picture of each class counts.
        steps: Batches an epoch. The last one is filled up with the epoch's first pictures, so that all are alike.
        waited_s: How long the loop has waited for data, in seconds.
    """

    def __init__(self, part: Part, class_weights: NDArray[np.float32], *, size: int, seed: int) -> None:
        """Gathers nothing yet.

        Args:
            part: The training pictures.
            class_weights: float32 [K].
            size: Pictures a batch.
            seed: Of the order.
        """
        self._part, self._seed = part, seed
        self.class_weights = class_weights
        self.size = min(size, len(part))
        self.steps = -(-len(part) // self.size)
        self.waited_s = 0.0

    def epoch(self, number: int, *, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of epoch `number`, without the first so many."""
        order = np.random.default_rng([self._seed, number]).permutation(len(self._part))
        chosen = np.resize(order, (self.steps, self.size))[first:]
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            pending: deque[Future[Batch]] = deque()
            for indices in chosen:
                pending.append(thread.submit(self._gather, indices))
                if len(pending) > _AHEAD:
                    yield self._next(pending)
            while pending:
                yield self._next(pending)

    def _next(self, pending: deque[Future[Batch]]) -> Batch:
        began = time.monotonic()
        batch = pending.popleft().result()
        self.waited_s += time.monotonic() - began
        return batch

    def _gather(self, indices: NDArray[np.int64]) -> Batch:
        classes = self._part.classes[indices]
        one_hot = np.eye(len(self.class_weights), dtype=np.float32)[classes]
        return Batch(np.asarray(self._part.images[indices]), one_hot, self.class_weights[classes])
