"""How much serving costs over calling the model, in one run, as ratios.

`VITRINE_SERVING=host:port` measures another TensorFlow Serving in the embedded one's place (it must serve `digits`).
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from contract.client import ModelSpec, ServingClient
from tests.e2e.stack import ModelServer, model_server, released, run

SECONDS = 3.0
CLIENTS = 8


def main() -> None:
    """Trains a small model, serves it, and prints a table."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as (server, repository, runs):
        print(f"{'':44}{'p50 ms':>8}{'pictures/s':>12}{'x baseline':>12}")
        compiled = in_process(repository)
        base_rate = report("compiled SavedModel in process, batch 1", compiled(1), 1)
        report("compiled SavedModel in process, batch 32", compiled(32), 32, 1, base_rate)
        report("Keras model.predict in process, batch 1", keras_predict(runs), 1, 1, base_rate)
        with ServingClient(server.address) as client:
            for batch, clients in ((1, 1), (1, CLIENTS), (32, 1), (32, CLIENTS)):
                call = predict(client, batch)
                report(f"gRPC Predict, batch {batch}, {clients} client(s)", call, batch, clients, base_rate)


@contextmanager
def served(folder: Path) -> Iterator[tuple[ModelServer, Path, Path]]:
    """The digits model behind a model server."""
    repository, runs = folder / "models", folder / "runs"
    run("training", "train", "--dataset", "digits", "--epochs", "2", "--runs", str(runs))
    run("training", "export", "latest", "--runs", str(runs), "--repository", str(repository), "--name", "digits")
    run("serving", "--repository", str(repository), "publish", "digits", "--offline")
    if external := os.environ.get("VITRINE_SERVING"):
        yield ModelServer(external), repository, runs
    else:
        with model_server(folder, *released(repository)) as server:
            yield server, repository, runs


def in_process(repository: Path) -> Callable[[int], Callable[[], object]]:
    """The baseline: the exported version itself, called in this process without any server."""
    import tensorflow as tf

    model = tf.saved_model.load(str(next(repository.glob("digits/*/"))))
    signature = model.signatures["serving_default"]
    shape = signature.structured_input_signature[1]["images"].shape[1:]

    def batch_of(size: int) -> Callable[[], object]:
        images = np.zeros((size, *shape), np.uint8)

        def call(kept: object = model) -> object:  # its signatures do not keep the model alive
            return signature(images=tf.constant(images))["probabilities"].numpy()

        return call

    return batch_of


def keras_predict(runs: Path) -> Callable[[], object]:
    """The same model as many services call it."""
    import keras

    model = keras.models.load_model(next(runs.glob("*/model.keras")), compile=False)
    images = np.zeros((1, *model.input_shape[1:]), np.uint8)
    return lambda: model.predict(images, verbose=0)


def predict(client: ServingClient, batch: int) -> Callable[[], object]:
    """One gRPC call with that many pictures."""
    spec = ModelSpec("digits")
    images = np.zeros((batch, *client.describe(spec).image.shape), np.uint8)
    return lambda: client.predict(spec, {"images": images})


def report(
    name: str, call: Callable[[], object], batch: int, clients: int = 1, base_rate: float | None = None
) -> float:
    """Prints one row; the pictures a second."""
    times: list[float] = []
    per_second = rate(call, batch, clients, times)
    ratio = per_second / (base_rate or per_second)
    print(f"{name:44}{statistics.median(times) * 1000:8.2f}{per_second:12.0f}{ratio:12.2f}", flush=True)
    return per_second


def rate(call: Callable[[], object], batch: int, clients: int, taken: list[float]) -> float:
    """Pictures a second over `SECONDS`, after a warm-up; the seconds of each call are added to `taken`."""
    for _ in range(5):
        call()
    end = time.perf_counter() + SECONDS

    def loop(_client: int) -> None:
        while (started := time.perf_counter()) < end:
            call()
            taken.append(time.perf_counter() - started)

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(loop, range(clients)))
    return len(taken) * batch / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
