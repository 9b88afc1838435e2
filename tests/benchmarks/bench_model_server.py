"""What the embedded model server costs: gRPC throughput, latency, CPU, memory and start-up, as ratios.

Ratios are to the floor of the same run, the model called in process by as many threads as there are clients, at most
one a CPU. On a machine that is busy with something else, look at the ratio of CPU times.
``VITRINE_SERVING=host:port`` measures another TensorFlow Serving as well and prints the ratios to it; it must serve the
repository that ``--repository`` names (write it first with ``--write``). All servers get one thread an operation.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import measured
from tests.benchmarks.floor import Floor, in_process
from tests.benchmarks.load import Generator, Load
from tests.benchmarks.measured import Measured
from tests.benchmarks.networks import MOBILENET_V2, SMALL_CNN, Network, write_repository

_FLAGS = ("--tensorflow_intra_op_parallelism=1", f"--tensorflow_inter_op_parallelism={os.cpu_count()}")
_CPUS = os.cpu_count() or 1
_HEADINGS = ("images/s", "p50 ms", "p99 ms", "CPU ms/image", "client CPU", "x CPU", "x images/s")
_Rates = dict[tuple[int, int], float]


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    seconds: float
    batches: tuple[int, ...] = (1, 8, 32)
    clients: tuple[int, ...] = (1, 8, 32)
    networks: tuple[Network, ...] = (SMALL_CNN, MOBILENET_V2)


QUICK = Plan(seconds=0.3, batches=(1, 32), clients=(1, 8), networks=(SMALL_CNN,))


def main() -> None:
    """Prints a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--quick", action="store_true", help="a glance: the small network alone, parts of a second")
    parser.add_argument("--repository", type=Path, help="where the models are kept; else in a temporary folder")
    parser.add_argument("--write", action="store_true", help="only write the models into --repository")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan(arguments.seconds)
    with tempfile.TemporaryDirectory() as folder:
        repository = (arguments.repository or Path(folder)).resolve()
        repository.mkdir(parents=True, exist_ok=True)
        if arguments.write:
            print(write_repository(repository, list(plan.networks)))
            return
        for network in plan.networks:
            _measure_network(network, repository, plan)


def _measure_network(network: Network, repository: Path, plan: Plan) -> None:
    config = write_repository(repository, [network])
    floor = in_process(
        network, repository / network.name / "1", plan.batches, {min(n, _CPUS) for n in plan.clients}, plan.seconds
    )
    with measured.embedded(config, network.predict_request(1), *_FLAGS) as server:
        print(f"\n{network.name}: first answer after {server.start_s:.1f} s, {server.rss_mb():.0f} MB", end="")
        rates = _table(network, server, plan, floor)
        print(f"{'':22}{server.rss_mb():.0f} MB at the end")
    if (other := measured.external()) is not None:
        print(f"\n{network.name} by {other.address}", end="")
        other_rates = _table(network, other, plan, floor)
        for key, rate in rates.items():
            print(f"{_row_name(*key)}{rate / other_rates[key]:12.2f} x images/s of {other.address}")


def _table(network: Network, server: Measured, plan: Plan, floor: dict[tuple[int, int], Floor]) -> _Rates:
    """Prints the server's rows; gives images a second by batch and clients."""
    print(f"\n{'batch x clients':22}" + "".join(f"{heading:>14}" for heading in _HEADINGS))
    rates: _Rates = {}
    for batch in plan.batches:
        for clients in plan.clients:
            load, cpu_s = _load(network, server, batch, clients, plan.seconds)
            images = len(load.latencies_ms) * batch
            rates[batch, clients] = rate = images / load.seconds
            bare, cpu_ms = floor[batch, min(clients, _CPUS)], 1000 * cpu_s / images
            times = f"{rate:14.0f}{load.percentile(0.5):14.2f}{load.percentile(0.99):14.2f}"
            costs = f"{cpu_ms:14.3f}{1000 * load.cpu_s / images:14.3f}"
            ratios = f"{cpu_ms / bare.cpu_ms:14.2f}{rate / bare.rate:14.2f}"
            print(f"{_row_name(batch, clients)}{times}{costs}{ratios}", flush=True)
    return rates


def _load(network: Network, server: Measured, batch: int, clients: int, seconds: float) -> tuple[Load, float]:
    """One measurement, and the CPU seconds that the server used for it."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(network.predict_request(batch))
        # On few CPUs each further process of the generator takes from the server; on many, one may be too slow.
        generator = Generator(server.address, Path(file.name), clients, min(clients, max(1, _CPUS // 4)))
        before = server.cpu_s()
        load = generator.run(seconds)
        return load, server.cpu_s() - before


def _row_name(batch: int, clients: int) -> str:
    return f"{f'{batch} x {clients}':22}"


if __name__ == "__main__":
    main()
