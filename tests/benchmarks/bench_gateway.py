"""What the gateway costs, and how it stands beside what a user would build instead; all in one run, as ratios.

Vitrine is ``python -m gateway`` and the embedded model server, or, with ``VITRINE_SERVING=host:port``, another
TensorFlow Serving that serves the repository which ``--repository`` names (write it first with ``--write``;
``VITRINE_SERVING_PID`` adds that server's CPU and memory). The peers run in a virtualenv of their own,
``.venvs/peers``. Below them stand the same batches sent straight over gRPC, and decode and forward alone, one process
a CPU.

Every contender is started anew for every round, so that nobody shares memory with another, and rounds of all take
turns. Figures are medians over the rounds; a ratio is taken within each round. "Vitrine x" is Vitrine's images a
second as a multiple of that row's, "its CPU x" the same of the CPU seconds: on a machine that is busy with something
else, look at those. MobileNetV2 is that of alpha 0.35 with 1,000 classes, all of them in every answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.gateway import environment, http_load, process_tree, repository
from tests.benchmarks.gateway.cases import CASES, OPTIONAL_CASES, Case
from tests.benchmarks.gateway.contenders import PEERS, VITRINE, WORKERS, Contender, Running, running
from tests.benchmarks.gateway.figures import DIRECT, FLOOR, Figures, Results, summary, table
from tests.benchmarks.gateway.floor import floor
from tests.benchmarks.load import Generator

_TITLES = {one.name: one.title for one in (VITRINE, *PEERS)}
_TITLES |= {DIRECT: "gRPC alone, same batches", FLOOR: "decode + forward alone"}


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long.

    Attributes:
        cases: In the order of the tables.
        peers: Beside Vitrine.
        rounds: Of everything.
        seconds: Of each measurement.
        warm_s: Before each, not counted.
    """

    cases: Sequence[Case]
    peers: Sequence[Contender]
    rounds: int
    seconds: float
    warm_s: float


def main() -> None:
    """Prints a table for each case and the ratios at the end."""
    arguments = _parser().parse_args()
    plan = _plan(arguments)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder: Path = (arguments.repository or scratch / "models").resolve()
        networks = {case.network.name: case.network for case in plan.cases}.values()
        folder.mkdir(parents=True, exist_ok=True)
        config = repository.write(folder, networks, with_keras=any(peer.name == "flask-predict" for peer in plan.peers))
        if arguments.write:
            print(config)
            return
        results = _Bench(plan, folder, scratch).run()
        peers = [peer.name for peer in plan.peers]
        print(summary(plan.cases, results, _TITLES, VITRINE.name, peers))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in results.all], indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a glance: one round of parts of a second, no peers")
    parser.add_argument("--cases", help=f"of {', '.join(case.name for case in (*CASES, *OPTIONAL_CASES))}")
    parser.add_argument("--peers", help=f"of {', '.join(peer.name for peer in PEERS)}; or none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every single measurement, too")
    parser.add_argument("--repository", type=Path, help="where the models are kept; else in a temporary folder")
    parser.add_argument("--write", action="store_true", help="only write the models into --repository")
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    every = {case.name: case for case in (*CASES, *OPTIONAL_CASES)}
    known = {peer.name: peer for peer in PEERS}
    cases = arguments.cases.split(",") if arguments.cases else [case.name for case in CASES]
    peers = arguments.peers.split(",") if arguments.peers else [] if arguments.quick else list(known)
    peers = [] if peers == ["none"] else peers
    if unknown := [name for name in cases if name not in every] + [name for name in peers if name not in known]:
        sys.exit(
            f"Expected cases of {', '.join(every)} and peers of {', '.join(known)}. Received: {', '.join(unknown)}"
        )
    rounds, seconds, warm_s = (1, 0.5, 0.2) if arguments.quick else (arguments.rounds, arguments.seconds, 1.0)
    return Plan([every[name] for name in cases], [known[name] for name in peers], rounds, seconds, warm_s)


class _Bench:
    """One run."""

    def __init__(self, plan: Plan, folder: Path, scratch: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._scratch = scratch
        self._results = Results()
        self._peers_python = environment.python() if plan.peers else None

    def run(self) -> Results:
        """Measures everything, network by network, and prints each network's tables when they are complete."""
        peers = self._plan.peers if self._peers_python else ()
        for network in dict.fromkeys(case.network.name for case in self._plan.cases):
            cases = [case for case in self._plan.cases if case.network.name == network]
            for number in range(self._plan.rounds):
                for contender in (VITRINE, *peers):
                    self._contend(contender, cases, number)
                self._bare(cases, number)
            for case in cases:
                print(table(case, self._results, _TITLES, VITRINE.name), flush=True)
        return self._results

    def _contend(self, contender: Contender, cases: Sequence[Case], number: int) -> None:
        log = self._scratch / f"{contender.name}.log"
        with running(contender, self._folder, cases[0], self._peers_python, log) as server:
            for case in cases:
                self._results.all.append(self._load(contender, server, case, number))
                if server.serving is not None:
                    self._results.all.append(self._direct(server.serving, case, number))

    def _load(self, contender: Contender, server: Running, case: Case, number: int) -> Figures:
        load = http_load.run(
            server.port,
            case.request(contender.path),
            case.clients,
            warm_s=self._plan.warm_s,
            seconds=self._plan.seconds,
            probe=lambda: process_tree.cpu_s(server.roots),
            wrong=case.fault,
        )
        images, memory = len(load.latencies_ms) * case.batch, process_tree.memory(server.roots)
        return Figures(
            contender.name,
            case.name,
            number,
            rate=images / load.seconds,
            p50_ms=load.percentile(0.5),
            p99_ms=load.percentile(0.99),
            cpu_s=1000 * load.server_cpu_s / max(images, 1),
            pss_mb=memory.pss,
            rss_mb=memory.rss,
            start_s=server.start_s,
            generator=load.own_cpu,
            failures=dict(load.failures),
        )

    def _direct(self, serving: str, case: Case, number: int) -> Figures:
        message = self._scratch / "message"
        message.write_bytes(case.network.predict_request(case.batch))
        load = Generator(serving, message, case.clients, 1).run(self._plan.seconds)
        return Figures(
            DIRECT,
            case.name,
            number,
            rate=len(load.latencies_ms) * case.batch / load.seconds,
            p50_ms=load.percentile(0.5),
            p99_ms=load.percentile(0.99),
        )

    def _bare(self, cases: Sequence[Case], number: int) -> None:
        with floor(cases[0].network, self._folder, WORKERS) as processes:
            for case in cases:
                picture = self._scratch / f"{case.name}.picture"
                picture.write_bytes(case.picture())
                share = processes.measure(picture, case.batch, self._plan.seconds)
                self._results.all.append(Figures(FLOOR, case.name, number, rate=share.rate, cpu_s=1000 * share.cpu_s))


if __name__ == "__main__":
    main()
