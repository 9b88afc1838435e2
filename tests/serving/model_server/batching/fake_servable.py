"""A servable that can be held still, and what the tests do with a batcher in front of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from serving.model_server.batching.batcher import Batcher
from serving.model_server.inference.servable import Servable, Tensors
from tests.serving.model_server.conftest import eventually

FOREVER_S = 600.0


class Fake(Servable):
    """Doubles its input, once `gate` is open, and notes what it was asked to run."""

    def __init__(self, path: Path = Path()) -> None:
        super().__init__(None, {}, path)
        self.sizes: list[tuple[int, ...]] = []
        self.threads: list[str] = []
        self.timeouts_ms: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = self.most_running = 0
        self.error: BaseException | None = None
        self._counting = threading.Lock()

    def run(self, signature: str, inputs: Tensors, outputs: object, *, timeout_ms: int = 0) -> Tensors:  # noqa: ARG002
        rows = len(inputs["x"]) if inputs["x"].ndim else 0
        with self._counting:
            self.running += bool(rows)
            self.most_running = max(self.running, self.most_running)
            self.sizes.append(inputs["x"].shape)
            self.threads.append(threading.current_thread().name)
            self.timeouts_ms.append(timeout_ms)
        self.gate.wait()
        with self._counting:
            self.running -= bool(rows)
        if self.error:
            raise self.error
        return {"y": inputs["x"] * 2}


class Make(Protocol):
    def __call__(self, *, per_model: bool = False, **parameters: Any) -> Batcher: ...


def ask(batcher: Batcher, servable: Servable, x: object, timeout_ms: int = 0) -> list[object]:
    answer: list[object] = batcher(servable, "s", {"x": np.asarray(x)}, ("y",), timeout_ms=timeout_ms)["y"].tolist()
    return answer


def busy(batcher: Batcher, servable: Fake, clients: ThreadPoolExecutor, runs: int = 1) -> None:
    """Begins runs that last until the gate opens."""
    servable.gate.clear()
    for run in range(runs):
        clients.submit(ask, batcher, servable, [100])
        eventually(lambda: servable.running == run + 1)  # noqa: B023  # awaited within the loop


def alive(pool: str) -> int:
    return sum(thread.name.startswith(f"{pool}_") for thread in threading.enumerate())


def waiting(batcher: Batcher) -> int:
    with batcher._lock:
        return sum(len(batch.tasks) for queue in batcher._scheduler._queues.values() for batch in queue)
