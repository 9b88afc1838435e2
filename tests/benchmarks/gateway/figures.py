"""What was measured: one `Figures` for each contender, case and round, and the tables that are made of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import nan

from tests.benchmarks.gateway.cases import Case

DIRECT = "direct"
FLOOR = "floor"
_HEADINGS = (
    "images/s",
    "p50 ms",
    "p99 ms",
    "CPU s/1000",
    "PSS MB",
    "RSS MB",
    "start s",
    "failed",
    "Vitrine x",
    "its CPU x",
)


@dataclass(frozen=True)
class Figures:
    """One measurement. What does not apply is nan.

    Attributes:
        contender: Its name; or `DIRECT`, the same batches over gRPC, or `FLOOR`, decode and forward alone.
        case: The case's name.
        round: From 0.
        rate: Images a second.
        p50_ms: Median latency of a request.
        p99_ms: What all but a hundredth of the requests stayed below.
        cpu_s: CPU seconds for 1,000 images, of all processes of the contender.
        pss_mb: Memory of all of them, shared pages counted once.
        rss_mb: The same, shared pages counted in each.
        start_s: From the start of the first process to the first right answer.
        generator: The share of one CPU that the load generator took.
        failures: How often what went wrong.
    """

    contender: str
    case: str
    round: int
    rate: float
    p50_ms: float = nan
    p99_ms: float = nan
    cpu_s: float = nan
    pss_mb: float = nan
    rss_mb: float = nan
    start_s: float = nan
    generator: float = nan
    failures: dict[str, int] = field(default_factory=dict)


class Results:
    """All measurements of a run."""

    def __init__(self) -> None:
        self.all: list[Figures] = []

    def of(self, case: Case, contender: str) -> list[Figures]:
        """Those of every round."""
        return [one for one in self.all if (one.case, one.contender) == (case.name, contender)]

    def ratio(self, case: Case, contender: str, other: str, figure: str = "rate") -> float:
        """A figure as a multiple of the other's: the median over the rounds that both were measured in."""
        others = {one.round: getattr(one, figure) for one in self.of(case, other)}
        mine = {one.round: getattr(one, figure) for one in self.of(case, contender)}
        ratios = [mine[number] / others[number] for number in mine if others.get(number)]
        return statistics.median(ratios) if ratios else nan

    def best(self, case: Case, contenders: Iterable[str]) -> str | None:
        """Who answered the most images; None if nobody was measured."""
        rates = {name: median(self.of(case, name), "rate") for name in contenders if self.of(case, name)}
        return max(rates, key=lambda name: rates[name], default=None)


def median(rounds: Sequence[Figures], figure: str) -> float:
    """Over the rounds; nan without any."""
    return statistics.median(getattr(one, figure) for one in rounds) if rounds else nan


def table(case: Case, results: Results, titles: dict[str, str], vitrine: str) -> str:
    """The case's rows, medians over the rounds. `titles` by contender, in the order of the rows."""
    lines = [f"\n{case.name}: {case.title}, {case.clients} clients, {case.network.name}"]
    lines.append(f"{'':30}" + "".join(f"{heading:>11}" for heading in _HEADINGS))
    for name, title in titles.items():
        if rounds := results.of(case, name):
            rate, cpu = (results.ratio(case, vitrine, name, figure) for figure in ("rate", "cpu_s"))
            lines.append(f"{title:30}{_numbers(rounds)}{_number(rate, 2)}{_number(cpu, 2)}")
    reasons = [
        f"  {titles[one.contender]}: {one.failures}" for one in results.all if one.case == case.name and one.failures
    ]
    return "\n".join(lines + reasons)


def summary(cases: Iterable[Case], results: Results, titles: dict[str, str], vitrine: str, peers: Sequence[str]) -> str:
    """A line for each case: Vitrine against the best peer, and against its own model server."""
    lines = [f"\n{'Vitrine x':12}{'best peer':>11}{'wanted':>11}{'direct gRPC':>13}{'floor':>11}"]
    for case in cases:
        if not results.of(case, vitrine):
            continue
        best = results.best(case, peers)
        against = nan if best is None else results.ratio(case, vitrine, best)
        wanted = nan if case.wanted is None else case.wanted
        direct, bare = (results.ratio(case, vitrine, name) for name in (DIRECT, FLOOR))
        row = f"{case.name:12}{_number(against, 2)}{_number(wanted, 2)}{_number(direct, 2, 13)}{_number(bare, 2)}"
        lines.append(f"{row}  {titles[best] if best else ''}".rstrip())
    return "\n".join(lines)


def _numbers(rounds: Sequence[Figures]) -> str:
    failed = sum(sum(one.failures.values()) for one in rounds)
    digits = {"rate": 0, "p50_ms": 1, "p99_ms": 1, "cpu_s": 2, "pss_mb": 0, "rss_mb": 0, "start_s": 1}
    shown = "".join(_number(median(rounds, figure), places) for figure, places in digits.items())
    return f"{shown}{failed:11d}"


def _number(value: float, places: int, width: int = 11) -> str:
    return f"{'-':>{width}}" if value != value else f"{value:{width},.{places}f}"  # noqa: PLR0124  nan
