"""Batching: concurrent requests of one servable, signature and shape joined into one run, and its outputs split again.

Only this module knows that requests share a run; to `predict` a batcher is one more way of running a request.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.model_server.batching_config import BatchingParameters
from serving.model_server.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, ServerError, Unavailable
from serving.model_server.servable import Servable, Tensors


@dataclass(frozen=True)
class _Task:
    inputs: Tensors
    rows: int
    result: Future[Tensors]


@dataclass
class _Batch:
    """Tasks that will be one run."""

    servable: Servable
    signature: str
    outputs: tuple[str, ...]
    opened_s: float
    tasks: list[_Task] = field(default_factory=list)
    rows: int = 0


class Batcher:
    """A `predict.Runner` that joins requests. Thread-safe."""

    def __init__(self, parameters: BatchingParameters) -> None:
        """Starts the batch threads, which all models share."""
        self._parameters = parameters
        self._queues: dict[Hashable, deque[_Batch]] = {}
        self._ready = threading.Condition()
        self._closed = False
        for number in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, name=f"batch_{number}", daemon=True).start()

    def __call__(
        self, servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
    ) -> Tensors:
        """Waits for the request's share of a run.

        Raises:
            InvalidArgument: Inputs without a common first dimension, or more rows than a batch may have.
            Unavailable: The queue is full.
            DeadlineExceeded: Not in time.
            ServerError: The run failed, for all requests in it.
        """
        rows = _rows(inputs)
        if rows > self._parameters.max_batch_size:
            raise InvalidArgument(
                f"Task size {rows} is larger than maximum input batch size {self._parameters.max_batch_size}"
            )
        wanted = tuple(sorted(outputs))
        task = _Task(inputs, rows, Future())
        self._enqueue(task, servable, signature, wanted)
        try:
            return task.result.result(timeout_ms / 1e3 if timeout_ms > 0 else None)
        except TimeoutError:
            raise DeadlineExceeded(f"Timed out after {timeout_ms} ms in a batch") from None

    def close(self) -> None:
        """Ends the threads once the queues are empty."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _enqueue(self, task: _Task, servable: Servable, signature: str, outputs: tuple[str, ...]) -> None:
        key = (servable, signature, outputs, self._shapes(task.inputs))
        with self._ready:
            queue = self._queues.setdefault(key, deque())
            if not queue or queue[-1].rows + task.rows > self._parameters.max_batch_size:
                if len(queue) >= self._parameters.max_enqueued_batches:
                    raise Unavailable("The batch scheduling queue to which this task was submitted is full")
                queue.append(_Batch(servable, signature, outputs, time.monotonic()))
            queue[-1].tasks.append(task)
            queue[-1].rows += task.rows
            self._ready.notify()

    def _shapes(self, inputs: Tensors) -> Hashable:
        """What must be equal for two requests to share a run: the shapes, or with padding only the ranks."""
        if self._parameters.pad_variable_length_inputs:
            return tuple(inputs[name].ndim for name in sorted(inputs))
        return tuple(inputs[name].shape[1:] for name in sorted(inputs))

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            _process(batch, self._parameters)

    def _next(self) -> _Batch | None:
        """Waits for the oldest batch that is full or has waited long enough; None at the end."""
        with self._ready:
            while True:
                now_s = time.monotonic()
                due = [(self._due_s(queue), key) for key, queue in self._queues.items()]
                due_s, key = min(due, key=lambda one: one[0], default=(None, None))
                if due_s is not None and due_s <= now_s:
                    queue = self._queues[key]
                    batch = queue.popleft()
                    if not queue:
                        # The key holds the servable, which is to be freed when it is unloaded.
                        del self._queues[key]
                    return batch
                if self._closed and due_s is None:
                    return None
                self._ready.wait(None if due_s is None else due_s - now_s)

    def _due_s(self, queue: deque[_Batch]) -> float:
        """When the queue's first batch may run; one that can grow no more was due when it was opened."""
        first = queue[0]
        full = len(queue) > 1 or first.rows >= self._parameters.max_batch_size
        return first.opened_s if full else first.opened_s + self._parameters.batch_timeout_s


def _rows(inputs: Tensors) -> int:
    if any(array.ndim == 0 for array in inputs.values()):
        raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
    sizes = {array.shape[0] for array in inputs.values()}
    if len(sizes) > 1:
        raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
    return int(sizes.pop()) if sizes else 0


def _process(batch: _Batch, parameters: BatchingParameters) -> None:
    """Runs a batch; each of its tasks gets its rows, or the error."""
    try:
        size = _padded_size(batch.rows, parameters.allowed_batch_sizes)
        inputs = {name: _merged(batch, name, size) for name in batch.tasks[0].inputs}
        outputs = batch.servable.run(batch.signature, inputs, batch.outputs)
        shares = _split(batch, outputs, size)
    except Exception as error:
        for task in batch.tasks:
            # An exception of its own for each: they are raised in different threads, each with its traceback.
            task.result.set_exception(type(error)(str(error)) if isinstance(error, ServerError) else error)
        return
    for task, share in zip(batch.tasks, shares, strict=True):
        task.result.set_result(share)


def _padded_size(rows: int, allowed: tuple[int, ...]) -> int:
    return next((size for size in allowed if size >= rows), rows)


def _merged(batch: _Batch, name: str, size: int) -> NDArray[Any]:
    """One input of all tasks, with rows of the last task repeated up to `size`."""
    arrays = [task.inputs[name] for task in batch.tasks]
    if len(arrays) == 1 and size == batch.rows:
        return arrays[0]
    longest = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    arrays = [_padded(array, longest) for array in arrays]
    if size > batch.rows:
        arrays.append(np.repeat(arrays[-1][:1], size - batch.rows, axis=0))
    return np.concatenate(arrays)


def _padded(array: NDArray[Any], longest: tuple[int, ...]) -> NDArray[Any]:
    """The array grown to a row shape, filled with its first value as TensorFlow Serving does."""
    if array.shape[1:] == longest:
        return array
    if array.size == 0:
        raise InvalidArgument("Got empty tensor in batch of non-empty tensors.")
    grown = np.full((array.shape[0], *longest), array.flat[0], dtype=array.dtype)
    grown[tuple(slice(size) for size in array.shape)] = array
    return grown


def _split(batch: _Batch, outputs: Tensors, size: int) -> list[Tensors]:
    for array in outputs.values():
        if array.ndim == 0:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if array.shape[0] != size:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    shares, start = [], 0
    for task in batch.tasks:
        shares.append({name: array[start : start + task.rows] for name, array in outputs.items()})
        start += task.rows
    return shares
