"""What a server's processes use, all of them together, from ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """In MB (millions of bytes).

    Attributes:
        pss: A page that n processes share counts as 1/n in each: the honest sum.
        rss: Every process's pages in full, shared ones again and again: what `ps` adds up to.
    """

    pss: float
    rss: float


def cpu_s(roots: Collection[int]) -> float:
    """CPU seconds used by these processes and all that descend from them, ended children included."""
    return sum(sum(fields[11:15]) for fields in (_numbers(pid) for pid in members(roots))) / _TICKS_PER_S


def memory(roots: Collection[int]) -> Memory:
    """Of these processes and all that descend from them."""
    pss = rss = 0
    for pid in members(roots):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                pss += int(line.split()[1]) if line.startswith("Pss:") else 0
                rss += int(line.split()[1]) if line.startswith("Rss:") else 0
    return Memory(pss * 1024 / 1e6, rss * 1024 / 1e6)


def members(roots: Collection[int]) -> set[int]:
    """The processes in the sessions that these lead, and the children of those that went into sessions of their own."""
    parents = {pid: (fields[1], fields[3]) for pid, fields in _everyone()}
    found = {pid for pid, (_, session) in parents.items() if session in roots or pid in roots}
    while more := {pid for pid, (parent, _) in parents.items() if parent in found} - found:
        found |= more
    return found


def _everyone() -> Iterator[tuple[int, list[int]]]:
    for entry in os.listdir("/proc"):  # noqa: PTH208  thousands of paths would cost what is to be measured
        if entry.isdigit() and (fields := _numbers(int(entry))):
            yield int(entry), fields


def _numbers(pid: int) -> list[int]:
    """The fields of its ``stat`` after the state, beginning with that as 0; none if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return [0, *(int(field) for field in text.rpartition(")")[2].split()[1:])]
