"""Which tasks share a run, and when: TensorFlow Serving's shared batch scheduler as a pure state machine.

Tasks of one kind (the key: a servable, its signature, a shape) wait in a queue of batches. The last batch of a queue is
open: it takes further tasks until it is full. A batch may run when it is full, when another one has been opened behind
it, or when it has waited for `batch_timeout_s`. Runs are shared by all queues, which get one each in turn. Time is an
argument, and nothing here waits or locks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.errors import InvalidArgument, Unavailable


class Task(Protocol):
    """What is scheduled."""

    @property
    def rows(self) -> int:
        """How much of a run it takes."""


T = TypeVar("T", bound=Task)


class Batch(Generic[T]):
    """Tasks that will be one run."""

    __slots__ = ("due_s", "key", "parameters", "rows", "started", "tasks")

    def __init__(self, key: Hashable, parameters: BatchingParameters, now_s: float) -> None:
        """Opens a batch, without tasks."""
        self.key = key
        self.parameters = parameters
        self.due_s = now_s + parameters.batch_timeout_s
        self.tasks: list[T] = []
        self.rows = 0
        self.started = False

    @property
    def full(self) -> bool:
        """Not even a task of one row fits in."""
        return self.rows >= self.parameters.run_limit


class Scheduler(Generic[T]):
    """The queues, and how many runs are free to begin. Not thread-safe."""

    def __init__(self, runs: int) -> None:
        """At most `runs` at the same time."""
        self._free = runs
        self._queues: dict[Hashable, deque[Batch[T]]] = {}
        self._closed = False

    @property
    def empty(self) -> bool:
        """Nothing waits."""
        return not self._queues

    def begin_alone(self, key: Hashable, rows: int, parameters: BatchingParameters, now_s: float) -> bool:
        """Begins a run for a request that would be the next to be taken if it were put into its queue, if it is one."""
        if not self._closed:
            if self._free < 1 or rows > parameters.run_limit or key in self._queues:
                return False
            if parameters.batch_timeout_s and rows < parameters.run_limit:
                return False
            if self._queues and self.due_s() <= now_s:
                return False
        self._free -= 1
        return True

    def admit(self, key: Hashable, rows: int, parameters: BatchingParameters) -> list[int]:
        """Tells into tasks of how many rows a request must be cut to be added; usually it is one.

        Raises:
            InvalidArgument: More rows than a request may have.
            Unavailable: The queue is full.
        """
        if rows > parameters.max_batch_size:
            raise InvalidArgument(
                f"Task size {rows} is larger than maximum input batch size {parameters.max_batch_size}"
            )
        queue = self._queues.get(key, ())
        limit, open_rows = parameters.run_limit, queue[-1].rows if queue else 0
        if open_rows + rows <= limit:
            return [rows]
        if parameters.enable_large_batch_splitting:
            _check_capacity(rows, max(len(queue), 1), open_rows, parameters)
            return _pieces(rows, limit - open_rows, limit)
        if len(queue) >= parameters.max_enqueued_batches:
            raise Unavailable(
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{len(queue)} batches enqueued and max_enqueued_batches is {parameters.max_enqueued_batches}"
            )
        return [rows]

    def add(self, key: Hashable, task: T, parameters: BatchingParameters, now_s: float) -> Batch[T]:
        """Puts an admitted task into the queue's open batch, or into a new one where it does not fit."""
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
        if not queue or queue[-1].rows + task.rows > parameters.run_limit:
            queue.append(Batch(key, parameters, now_s))
        batch = queue[-1]
        batch.tasks.append(task)
        batch.rows += task.rows
        return batch

    def remove(self, task: T, batch: Batch[T]) -> None:
        """Takes a task out of a batch that has not started."""
        batch.tasks.remove(task)
        batch.rows -= task.rows
        if not batch.tasks:
            queue = self._queues[batch.key]
            queue.remove(batch)
            if not queue:
                del self._queues[batch.key]

    def take(self, now_s: float) -> Batch[T] | None:
        """Begins the run of a batch that may run now, if there is one and a run is free."""
        if self._free < 1:
            return None
        for key, queue in self._queues.items():
            if self._due_s(queue) <= now_s:
                batch = queue.popleft()
                batch.started = True
                self._free -= 1
                # To the end: it is the turn of the others now. A queue that is empty goes, and with it the key, which
                # holds the servable.
                del self._queues[key]
                if queue:
                    self._queues[key] = queue
                return batch
        return None

    def end_run(self) -> None:
        """A run is over, and another may begin."""
        self._free += 1

    def due_s(self) -> float:
        """When `take` will have a batch, should nothing else happen; infinity: never."""
        return min(map(self._due_s, self._queues.values()), default=math.inf) if self._free > 0 else math.inf

    def close(self) -> None:
        """From now on nothing waits for a batch to fill."""
        self._closed = True

    def _due_s(self, queue: deque[Batch[T]]) -> float:
        if len(queue) > 1 or queue[0].full or self._closed:
            return -math.inf
        return queue[0].due_s


def _check_capacity(rows: int, batches: int, open_rows: int, parameters: BatchingParameters) -> None:
    """The rows of a request that is to be split must all find a place."""
    limit = parameters.run_limit
    capacity = (parameters.max_enqueued_batches - batches) * limit + limit - open_rows
    if rows > capacity:
        raise Unavailable(
            "The batch scheduling queue to which this task was submitted is full; "
            f"task size is {rows} but scheduling capacity is only {capacity} "
            f"(num_enqueued_batches={batches}, max_enqueued_batches={parameters.max_enqueued_batches}, "
            f"open_batch_size={open_rows}, max_execution_batch_size={limit})"
        )


def _pieces(rows: int, head: int, limit: int) -> list[int]:
    """First what the open batch still takes, then full batches, then the rest."""
    full, rest = divmod(rows - head, limit)
    return [size for size in (head, *[limit] * full, rest) if size]
