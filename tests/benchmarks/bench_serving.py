"""How much serving costs over calling the model, and the gateway over serving; all in one run, as ratios.

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
import requests

from contract.client import ModelSpec, ServingClient
from tests.e2e.stack import ModelServer, model_server, released, run, stack

SECONDS = 3.0
CLIENTS = 8


def main() -> None:
    """Trains a small model, serves it, and prints a table."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as (server, repository, runs):
        folder = Path(name)
        baseline = in_process(runs)
        print(f"{'':44}{'p50 ms':>8}{'pictures/s':>12}{'x baseline':>12}")
        report("Keras model.predict in process, batch 1", baseline(1), 1)
        base_rate = rate(baseline(1), 1, clients=1)
        with ServingClient(server.address) as client:
            for batch, clients in ((1, 1), (1, CLIENTS), (32, 1), (32, CLIENTS)):
                call = predict(client, batch)
                report(f"gRPC Predict, batch {batch}, {clients} client(s)", call, batch, clients, base_rate)
        with stack(server, repository, folder) as gateway:
            for batch, clients in ((1, 1), (1, CLIENTS), (32, CLIENTS)):
                call = upload(gateway.url, next(runs.glob("*/samples/*.png")), batch)
                report(f"gateway upload, {batch} picture(s), {clients} client(s)", call, batch, clients, base_rate)


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


def in_process(runs: Path) -> Callable[[int], Callable[[], object]]:
    """The same model called as many services do: `model.predict`."""
    import keras

    model = keras.models.load_model(next(runs.glob("*/model.keras")))

    def batch_of(size: int) -> Callable[[], object]:
        images = np.zeros((size, *model.input_shape[1:]), np.uint8)
        return lambda: model.predict(images, verbose=0)

    return batch_of


def predict(client: ServingClient, batch: int) -> Callable[[], object]:
    """One gRPC call with that many pictures."""
    spec = ModelSpec("digits")
    images = np.zeros((batch, *client.describe(spec).image.shape), np.uint8)
    return lambda: client.predict(spec, {"images": images})


def upload(url: str, picture: Path, batch: int) -> Callable[[], object]:
    """One HTTP request with that many files."""
    session, data = requests.Session(), picture.read_bytes()

    def post() -> None:
        files = [("images", (f"{i}.png", data)) for i in range(batch)]
        session.post(f"{url}/api/v1/classify", files=files, timeout=30).raise_for_status()

    return post


def report(name: str, call: Callable[[], object], batch: int, clients: int = 1, base_rate: float | None = None) -> None:
    """Prints one row."""
    times: list[float] = []
    per_second = rate(call, batch, clients, times)
    ratio = per_second / (base_rate or per_second)
    print(f"{name:44}{statistics.median(times) * 1000:8.2f}{per_second:12.0f}{ratio:12.2f}", flush=True)


def rate(call: Callable[[], object], batch: int, clients: int, times: list[float] | None = None) -> float:
    """Pictures a second over `SECONDS`, after a warm-up; the seconds of each call are added to `times`."""
    for _ in range(5):
        call()
    taken: list[float] = [] if times is None else times
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
