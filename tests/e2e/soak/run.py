"""A soak from its beginning to its end, and what it says."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e import stack
from tests.e2e.soak.chaos import Chaos
from tests.e2e.soak.checks import Verdict, judge
from tests.e2e.soak.cycles import Operator, mark_on_disk
from tests.e2e.soak.load import Asked, Load
from tests.e2e.soak.system import MODEL, running
from tests.e2e.soak.watcher import Watcher

_SHOWN = 20


@dataclass(frozen=True)
class Plan:
    """How long, how hard.

    Attributes:
        cycles: Of publish, canary, promote and roll back.
        seed: Of all that is random; threads and processes make each run another one still.
        replicas: Model servers.
        reload: True for model servers that poll no configuration.
        server: The program of TensorFlow Serving, such as ``tensorflow_model_server``; the embedded one if empty.
        threads: That ask.
        pause_s: The mean pause of each between two questions.
        hold_s: How long the operator looks on after each change.
        kill_every_s: Mean seconds between two kills of a model server.
        down_s: The longest time that one is left away.
        most_kills: How many there are at most.
        impatient: How often a command is killed, too, and run again: 0 to 1.
    """

    cycles: int = 10
    seed: int = 1
    replicas: int = 2
    reload: bool = False
    server: str = ""
    threads: int = 6
    pause_s: float = 0.03
    hold_s: float = 3.0
    kill_every_s: float = 4.0
    down_s: float = 2.0
    most_kills: int = 1_000_000
    impatient: float = 0.0


@dataclass
class Result:
    """What happened."""

    plan: Plan
    seconds: float
    asked: list[Asked]
    verdict: Verdict
    problems: list[str]
    operator: Operator
    kills: Counter[str]
    looks: int
    states: int

    @property
    def faults(self) -> list[str]:
        """All that must not be; empty if the soak was passed."""
        return [*self.problems, *self.verdict.faults]

    def lines(self) -> Iterator[str]:
        """The summary."""
        kinds = Counter(one.question.name for one in self.asked)
        times = sorted(one.ended - one.began for one in self.asked) or [0.0]
        yield f"plan        {self.plan}"
        yield f"requests    {len(self.asked)} in {self.seconds:.0f} s: {dict(sorted(kinds.items()))}"
        middle, late = (1000 * times[int(len(times) * share)] for share in (0.5, 0.99))
        yield f"latency     median {middle:.0f} ms, 99% {late:.0f} ms, longest {1000 * times[-1]:.0f} ms"
        yield f"cycles      {self.operator.cycles} of {self.plan.cycles}, {len(self.operator.commands)} commands, "
        yield f"            {self.operator.killed} of them killed and run again"
        yield f"kills       {sum(self.kills.values())} of model servers: {dict(self.kills)}"
        yield f"disk        {self.looks} looks, {self.states} states"
        shares = ", ".join(f"{share:.0f}% of {count} for {wanted:g}%" for wanted, share, count in self.verdict.shares)
        yield f"canary      {shares or 'none'}"
        yield f"no header   {self.verdict.untold} answers"
        for name in ("failed", "mislabelled", "wrong", "stray", "moved", "moved_in_outages"):
            found: list[str] = getattr(self.verdict, name)
            yield f"{name:<17} {len(found)}"
            yield from (f"    {one}" for one in found[:_SHOWN])
        yield f"other problems    {len(self.problems)}"
        yield from (f"    {one}" for one in self.problems[:_SHOWN])
        yield "PASSED" if not self.faults else "FAILED"


def build_sources(folder: Path, count: int) -> list[Path]:
    """Good models with the marks 1 to `count`, by a process of its own: TensorFlow would stay in this one's memory."""
    marks = [str(mark) for mark in range(1, count + 1)]
    words = ["tests.e2e.faulty", str(folder), "good", *marks]
    return [Path(line) for line in stack.run(*words).splitlines()]


def soak(plan: Plan, folder: Path, sources: list[Path] | None = None) -> Result:
    """Runs it.

    Args:
        plan: How long, how hard.
        folder: Of its own, for the repository and the logs.
        sources: Good models, two for each cycle and one to begin with; built if None.
    """
    sources = list(sources or build_sources(folder / "sources", 2 * plan.cycles + 1))
    repository = folder / "models"
    first = [sys.executable, "-m", "serving", "--repository", str(repository), "publish", MODEL, str(sources.pop(0))]
    subprocess.run([*first, "--offline"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    problems: list[str] = []
    with running(folder, repository, replicas=plan.replicas, reload=plan.reload, server=plan.server) as system:
        chance = random.Random(f"{plan.seed}-operator")
        operator = Operator(system, sources, plan.hold_s, plan.impatient, chance)
        watcher = Watcher(repository)
        load = Load(system, threads=plan.threads, pause_s=plan.pause_s, seed=plan.seed)
        chaos = Chaos(system, pause_s=plan.kill_every_s, down_s=plan.down_s, most=plan.most_kills, seed=plan.seed)
        began = time.monotonic()
        with watcher, load, chaos:
            try:
                for _ in range(plan.cycles):
                    operator.cycle()
            except AssertionError as error:
                problems.append(str(error))
        seconds = time.monotonic() - began
    verdict = judge(load.asked, watcher.moments, chaos.outages, cache(partial(mark_on_disk, repository)))
    kills = Counter(one.by for one in chaos.outages)
    problems += [*watcher.problems, *chaos.problems]
    return Result(plan, seconds, load.asked, verdict, problems, operator, kills, watcher.looks, len(watcher.moments))
