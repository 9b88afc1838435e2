"""What is tried: first the threads, then batching in coarse steps, then what lies around the best of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from serving.tuning.candidate import Batching, Candidate

_NICE = (1, 2, 5)
_LONGEST_US = 100_000


@dataclass(frozen=True)
class Scene:
    """What bounds sensible candidates.

    Attributes:
        cpus: CPUs that the server may use.
        least_size: Pictures that a request may have, so the least ``max_batch_size``.
        most_rows: Pictures that all clients together may have in flight: no batch grows beyond it.
        p50_ms: The median latency of the baseline: what waiting for company is measured by.
    """

    cpus: int
    least_size: int
    most_rows: int
    p50_ms: float


def threads(scene: Scene) -> list[Candidate]:
    """Batching off, with other threads than the defaults; the most promising first."""
    cpus = scene.cpus
    tried = [(1, cpus), (1, max(1, cpus // 2)), (2, cpus), (cpus, 1), (max(1, cpus // 2), cpus), (1, 1)]
    # One thread a CPU of each kind are the defaults.
    return _different(
        Candidate(intra, inter) for intra, inter in tried if intra <= cpus and (intra, inter) != (cpus,) * 2
    )


def finer_threads(best: Candidate, scene: Scene) -> list[Candidate]:
    """What lies around the best threads."""
    if not best.intra_op:
        return []
    intras = (best.intra_op * 2, best.intra_op // 2)
    inters = (best.inter_op // 2, best.inter_op * 2)
    tried = [(intra, best.inter_op) for intra in intras] + [(best.intra_op, inter) for inter in inters]
    fit = [(intra, inter) for intra, inter in tried if 1 <= intra <= scene.cpus and 1 <= inter <= 2 * scene.cpus]
    return [Candidate(intra, inter) for intra, inter in fit if (intra, inter) != (scene.cpus, scene.cpus)]


def batching(best: Candidate, scene: Scene) -> list[Candidate]:
    """Batching in coarse steps, on the best threads without it; the most promising first."""
    sizes = sorted({scene.least_size, max(scene.least_size, min(4 * scene.least_size, scene.most_rows))})
    timeouts = [0, *(nice_us(share * scene.p50_ms * 1000) for share in (0.25, 1.0))]
    tried = [Batching(size, timeout, scene.cpus) for timeout in timeouts for size in sizes]
    return _different(replace(best, batching=one) for one in tried)


def finer(best: Candidate, scene: Scene) -> list[Candidate]:
    """What lies around the best batching, one thing changed at a time; the most promising first."""
    now = best.batching
    if now is None:
        return []
    shortest = nice_us(scene.p50_ms * 1000 / 16)
    timeouts = [nice_us(now.timeout_us / 2), nice_us(now.timeout_us * 2)] if now.timeout_us else [shortest]
    counts = [count for count in (now.threads * 2, now.threads // 2) if 1 <= count <= 4 * scene.cpus]
    sizes = [now.size // 2, now.size * 2]
    tried = [
        *(replace(best, batching=replace(now, threads=count)) for count in counts),
        *(replace(best, batching=replace(now, timeout_us=timeout)) for timeout in timeouts),
        _other_threads(best, scene),
        *(replace(best, batching=replace(now, size=size)) for size in sizes if _sensible(size, scene)),
        # On a CPU padding is work for nothing; where each new shape is compiled or tuned for, as on a GPU, it may pay.
        replace(best, batching=replace(now, padded=True)),
    ]
    return [one for one in _different(tried) if one != best]


def nice_us(time_us: float) -> int:
    """The next of 10, 20, 50, 100, … microseconds, at most 100 ms."""
    power = 10
    while power < _LONGEST_US:
        for digit in _NICE:
            # Up to the middle between it and the next, by ratio.
            if time_us < digit * power * 1.5:
                return digit * power
        power *= 10
    return _LONGEST_US


def _other_threads(best: Candidate, scene: Scene) -> Candidate:
    """Full batches may gain from threads inside an operation where lone pictures lose by them, and the reverse."""
    return replace(best, intra_op=0, inter_op=0) if best.intra_op else replace(best, intra_op=1, inter_op=scene.cpus)


def _sensible(size: int, scene: Scene) -> bool:
    return scene.least_size <= size <= max(scene.least_size, scene.most_rows)


def _different(candidates: Iterable[Candidate]) -> list[Candidate]:
    return list(dict.fromkeys(candidates))
