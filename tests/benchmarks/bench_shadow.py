"""What a shadow version costs users: the same load with every request copied to it and with none, in turns.

Real processes: the embedded model server with two versions of one network, and ``python -m gateway``. Between the turns
nothing is restarted, only release.json changes. Figures are medians over the rounds, a ratio is taken within each.

    python -m tests.benchmarks.bench_shadow --rounds 10 --seconds 2
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from prometheus_client.parser import text_string_to_metric_families

from contract.release import FILE_NAME, ModelRelease, Release
from contract.versions import write_atomically
from tests.benchmarks.gateway import http_load, process_tree, repository
from tests.benchmarks.gateway.cases import CASES, Case
from tests.conftest import pick_port
from tests.processes import Process

SHARES = (0, 100)


@dataclass(frozen=True)
class Turn:
    """What one turn measured.

    Attributes:
        rate: Pictures a second.
        p95_ms: Of a request.
        cpu_ms: CPU milliseconds of gateway and model server for each picture.
        compared: The share of the pictures that were compared meanwhile.
    """

    rate: float
    p95_ms: float
    cpu_ms: float
    compared: float


class Stack:
    """A gateway before a model server with versions 1 and 2."""

    def __init__(self, case: Case, folder: Path, port: int, pids: tuple[int, ...]) -> None:
        self._case = case
        self._folder = folder
        self._port = port
        self._pids = pids

    def turn(self, share: int, clients: int, seconds: float) -> Turn:
        """Measures with a share of the requests copied."""
        release(self._folder, self._case.network.name, share)
        before = self._compared()
        load = http_load.run(
            self._port,
            self._case.request("/api/v1/classify"),
            clients,
            warm_s=0.5,
            seconds=seconds,
            probe=lambda: process_tree.cpu_s(self._pids),
            wrong=self._case.fault,
        )
        if load.failures:
            sys.exit(f"Expected no failures. Received: {dict(load.failures)}")
        pictures = len(load.latencies_ms) * self._case.batch
        return Turn(
            pictures / load.seconds,
            load.percentile(0.95),
            1000 * load.server_cpu_s / pictures,
            (self._compared() - before) / pictures,
        )

    def _compared(self) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        name = "vitrine_shadow_pictures"
        return sum(sample.value for family in families if family.name == name for sample in family.samples)


def release(folder: Path, model: str, share: int) -> None:
    """Writes release.json: version 2 gets copies of so many percent."""
    state = ModelRelease((1, 2), {"stable": 1}, shadow=2 if share else None, shadow_percent=share)
    write_atomically(folder / FILE_NAME, Release({model: state}).to_json())


@contextmanager
def stack(case: Case, folder: Path) -> Iterator[Stack]:
    """Both processes, answering."""
    name = case.network.name
    repository.write(folder, [case.network], with_keras=False)
    shutil.copytree(folder / name / "1", folder / name / "2", dirs_exist_ok=True)
    release(folder, name, 0)
    config = folder / "two.config"
    policy = "model_version_policy { specific { versions: 1 versions: 2 } }"
    place = f'name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow"'
    config.write_text(f"model_config_list {{ config {{ {place} {policy} }} }}\n")
    port, grpc_port = pick_port(), pick_port()
    flags = (f"--port={grpc_port}", "--rest_api_port=0", f"--model_config_file={config}")
    settings = {
        "VITRINE_SERVING": f"127.0.0.1:{grpc_port}",
        "MODEL_REPOSITORY": str(folder),
        "VITRINE_HOST": "127.0.0.1",
        "VITRINE_PORT": str(port),
    }
    serving = Process(["-m", "serving.model_server", *flags], folder / "serving.log", {"TF_CPP_MIN_LOG_LEVEL": "3"})
    with serving, Process(["-m", "gateway"], folder / "gateway.log", settings) as gateway:
        gateway.wait_ready(f"http://127.0.0.1:{port}/readyz")
        yield Stack(case, folder, port, (serving.pid, gateway.pid))


def main() -> None:
    """Prints a line for each case and number of clients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="small-1,vga-1", help=f"of {', '.join(case.name for case in CASES)}")
    parser.add_argument("--clients", default="1,8")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    arguments = parser.parse_args()
    wanted = arguments.cases.split(",")
    for case in (case for case in CASES if case.name in wanted):
        with tempfile.TemporaryDirectory() as folder, stack(case, Path(folder)) as running:
            for clients in map(int, arguments.clients.split(",")):
                pairs = []
                for number in range(arguments.rounds):
                    # Forth and back, so that what else the machine does weighs on both.
                    order = SHARES if number % 2 == 0 else SHARES[::-1]
                    turns = {share: running.turn(share, clients, arguments.seconds) for share in order}
                    pairs.append([turns[share] for share in SHARES])
                _tell(case, clients, pairs)


def _tell(case: Case, clients: int, pairs: list[list[Turn]]) -> None:
    print(f"{case.name}, {clients} clients:", flush=True)
    for place, share in enumerate(SHARES):
        rate, p95_ms, cpu_ms, compared = (
            median(getattr(pair[place], name) for pair in pairs) for name in ("rate", "p95_ms", "cpu_ms", "compared")
        )
        print(
            f"  {share:3} %: {rate:8.0f} pictures/s, p95 {p95_ms:.1f} ms, CPU {cpu_ms:.2f} ms, {compared:.1%} compared"
        )
    for name in ("rate", "p95_ms", "cpu_ms"):
        ratios = [getattr(with_it, name) / getattr(without, name) for without, with_it in pairs]
        print(f"  {name}: {median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
