"""Batching: concurrent requests of one servable, signature and shape joined into one run, and its outputs split again.

To `predict` a batcher is one more way of running a request. `schedule` says which of them run together and
when, `tensors` joins and splits; here are the threads.

A request that finds a run free and nobody of its kind waiting is run by its own thread at once. The others wait in
queues that `num_batch_threads` batch threads empty: one that comes from a run goes on with the next, without a switch
of threads in between. Both together never have more runs at a time than there are batch threads.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from weakref import WeakKeyDictionary

from serving.model_server.batching import tensors
from serving.model_server.batching.metrics import BatchingMetrics
from serving.model_server.batching.parameters import PER_MODEL_FILE, BatchingParameters, read_batching_parameters
from serving.model_server.batching.schedule import Batch, Scheduler
from serving.model_server.errors import DeadlineExceeded, ResourceExhausted, ServerError
from serving.model_server.inference.servable import Servable, Tensors


@dataclass(slots=True)
class _Share:
    """What a run gave for one task: some rows of its outputs, or an error."""

    piece: int
    start: int
    rows: int
    outputs: Tensors | BaseException


@dataclass(slots=True, eq=False)
class _Task:
    """A request, or a piece of one, and where its thread waits for its share."""

    servable: Servable
    signature: str
    inputs: Tensors
    outputs: tuple[str, ...]
    rows: int
    timeout_ms: int
    enqueued_s: float
    box: SimpleQueue[_Share]
    piece: int = 0


_Places = list[tuple[_Task, Batch[_Task]]]


class Batcher:
    """A `predict.Runner` that joins requests. Thread-safe."""

    def __init__(
        self, parameters: BatchingParameters, *, per_model: bool = False, metrics: BatchingMetrics | None = None
    ) -> None:
        """Starts the batch threads, which all models share.

        Args:
            parameters: How requests are joined.
            per_model: A version is batched by the parameters in its own directory, or not at all if it has none; of
                `parameters` only the threads count then.
            metrics: What counts requests and runs, if they are to be counted.
        """
        self._parameters = parameters
        self._per_model = per_model
        self._metrics = metrics
        self._own: WeakKeyDictionary[Servable, BatchingParameters | None] = WeakKeyDictionary()
        self._scheduler: Scheduler[_Task] = Scheduler(parameters.num_batch_threads)
        self._lock = threading.Lock()
        self._work_to_do = threading.Condition(self._lock)
        self._idle = 0
        self._watched_until_s = math.inf
        self._closed = False
        for number in range(parameters.num_batch_threads):
            name = f"{parameters.thread_pool_name}_{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def __call__(
        self, servable: Servable, signature: str, inputs: Tensors, outputs: Sequence[str], *, timeout_ms: int
    ) -> Tensors:
        """Waits for the request's share of a run.

        Raises:
            InvalidArgument: Inputs without a common first dimension, or more rows than a request may have.
            Unavailable: The queue is full.
            ResourceExhausted: Not in time, for it waited in the queue.
            DeadlineExceeded: Not in time, for the run takes long.
            ServerError: The run failed, for all requests in it.
        """
        parameters = self.parameters_of(servable)
        rows = tensors.rows_of(inputs) if parameters else 0
        if parameters is None or not rows:
            # Without rows there is nothing to join, nor a row to fill a batch up with.
            return servable.run(signature, inputs, outputs, timeout_ms=timeout_ms)
        if self._metrics:
            self._metrics.record_request(rows, len(inputs))
        now_s = time.monotonic()
        request = _Task(servable, signature, inputs, tuple(sorted(outputs)), rows, timeout_ms, now_s, SimpleQueue())
        key = (servable, signature, request.outputs, _shapes(inputs, parameters))
        with self._lock:
            alone = self._scheduler.begin_alone(key, rows, parameters, now_s)
            places = [] if alone else self._enqueue(key, request, parameters)
        return self._run_alone(request, parameters) if alone else self._collect(request, places)

    def parameters_of(self, servable: Servable) -> BatchingParameters | None:
        """How the servable's requests are joined; None: not at all.

        Raises:
            InvalidArgument: Its file makes no sense.
        """
        if not self._per_model:
            return self._parameters
        if servable not in self._own:
            path = servable.path / PER_MODEL_FILE
            self._own[servable] = read_batching_parameters(path) if path.is_file() else None
        return self._own[servable]

    def close(self) -> None:
        """Runs what waits without waiting for more, and ends the threads; later requests run each by itself."""
        with self._lock:
            self._closed = True
            self._scheduler.close()
            self._work_to_do.notify_all()

    def _run_alone(self, request: _Task, parameters: BatchingParameters) -> Tensors:
        try:
            outputs = self._run([request], request.rows, parameters)
        finally:
            with self._lock:
                self._scheduler.end_run()
                self._pass_on()
        return tensors.share(outputs, 0, request.rows)

    def _enqueue(self, key: Hashable, request: _Task, parameters: BatchingParameters) -> _Places:
        """The request's pieces and where they wait. Needs the lock."""
        places = []
        for task in _pieces(request, self._scheduler.admit(key, request.rows, parameters)):
            batch = self._scheduler.add(key, task, parameters, task.enqueued_s)
            places.append((task, batch))
            if self._idle and (batch.tasks[0] is task or batch.full):
                self._work_to_do.notify()
        return places

    def _collect(self, request: _Task, places: _Places) -> Tensors:
        """Waits for the shares of all pieces."""
        deadline_s = request.enqueued_s + request.timeout_ms / 1e3 if request.timeout_ms > 0 else math.inf
        shares: list[_Share] = []
        while len(shares) < len(places):
            try:
                shares.append(request.box.get(timeout=_seconds_until(deadline_s)))
            except Empty:
                self._abandon(places)
        shares.sort(key=lambda share: share.piece)
        return tensors.concatenated([_outputs(share) for share in shares])

    def _abandon(self, places: _Places) -> None:
        """Takes what has not started out of the queue and raises, unless another share has just come."""
        with self._lock:
            waiting = [(task, batch) for task, batch in places if not batch.started]
            for task, batch in waiting:
                self._scheduler.remove(task, batch)
        if len(waiting) == len(places):
            raise ResourceExhausted("Run() timeout exceeded while waiting in batching queue")
        if waiting or places[0][0].box.empty():
            raise DeadlineExceeded("Timed out waiting for notification")

    def _work(self) -> None:
        while self._serve_a_batch():
            pass

    def _serve_a_batch(self) -> bool:
        """Waits for a batch and runs it; False at the end.

        What it holds it lets go of before the next wait: the servable may be unloaded by then.
        """
        batch = self._next()
        if batch is None:
            return False
        outputs: Tensors | BaseException
        try:
            outputs = self._run(batch.tasks, batch.rows, batch.parameters)
        except BaseException as error:
            outputs = error
        start = 0
        for task in batch.tasks:
            task.box.put(_Share(task.piece, start, task.rows, outputs))
            start += task.rows
        with self._lock:
            self._scheduler.end_run()
        return True

    def _run(self, tasks: list[_Task], rows: int, parameters: BatchingParameters) -> Tensors:
        """The outputs of all tasks, as long as the most patient of them allows."""
        first, size = tasks[0], tensors.padded_size(rows, parameters.allowed_batch_sizes)
        if self._metrics:
            now_s = time.monotonic()
            self._metrics.record_run(rows, size, [now_s - task.enqueued_s for task in tasks])
        pad = parameters.pad_variable_length_inputs
        inputs = tensors.joined([task.inputs for task in tasks], size - rows, pad=pad)
        timeouts_ms = [task.timeout_ms for task in tasks]
        timeout_ms = max(timeouts_ms) if all(timeouts_ms) else 0
        outputs = first.servable.run(first.signature, inputs, first.outputs, timeout_ms=timeout_ms)
        tensors.check_outputs(outputs, size)
        return outputs

    def _next(self) -> Batch[_Task] | None:
        """Waits for a batch that may run; None at the end."""
        with self._lock:
            while True:
                batch = self._scheduler.take(time.monotonic())
                if batch or (self._closed and self._scheduler.empty):
                    self._pass_on()
                    return batch
                self._rest()

    def _rest(self) -> None:
        """Sleeps until there is work, or a batch is due. One thread watches the clock for all. Needs the lock."""
        due_s = self._scheduler.due_s()
        watches = due_s < self._watched_until_s
        if watches:
            self._watched_until_s = due_s
        self._idle += 1
        self._work_to_do.wait(_seconds_until(due_s) if watches else None)
        self._idle -= 1
        if watches and self._watched_until_s == due_s:
            self._watched_until_s = math.inf

    def _pass_on(self) -> None:
        """Wakes a thread if anything waits: it may be due, or somebody must watch the clock. Needs the lock."""
        if self._idle and not self._scheduler.empty:
            self._work_to_do.notify()


def _shapes(inputs: Tensors, parameters: BatchingParameters) -> Hashable:
    """What must be equal for two requests to share a run: the shapes, or with padding only the ranks."""
    if parameters.pad_variable_length_inputs:
        return tuple([(name, array.ndim) for name, array in inputs.items()])
    return tuple([(name, array.shape[1:]) for name, array in inputs.items()])


def _pieces(request: _Task, sizes: list[int]) -> list[_Task]:
    if len(sizes) == 1:
        return [request]
    starts = [sum(sizes[:piece]) for piece in range(len(sizes))]
    return [
        replace(request, inputs=tensors.share(request.inputs, start, rows), rows=rows, piece=piece)
        for piece, (start, rows) in enumerate(zip(starts, sizes, strict=True))
    ]


def _outputs(share: _Share) -> Tensors:
    if isinstance(share.outputs, ServerError):
        # An exception of its own for each request: they are raised in different threads, each with its traceback.
        raise type(share.outputs)(str(share.outputs))
    if isinstance(share.outputs, BaseException):
        raise share.outputs
    return tensors.share(share.outputs, share.start, share.rows)


def _seconds_until(at_s: float) -> float | None:
    return None if at_s == math.inf else max(at_s - time.monotonic(), 0)
