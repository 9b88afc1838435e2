"""The machine at hand: what tells it from another, and how much of it there is."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
# Inside a container: its own limit (version 2 of control groups).
_CGROUP = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """CPUs that this process, and a server that it starts, may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> Mapping[str, Any]:
    """What figures depend on: the same on machines alike."""
    return {"cpu": _cpu(), "cpus": usable_cpus(), "cpu_limit": _cpu_limit(), "system": platform.machine()}


def load() -> float:
    """Processes that want a CPU, on average over the last minute."""
    return os.getloadavg()[0]


def available_bytes() -> int:
    """Memory that processes may still take."""
    found = [_kilobytes(_MEMINFO, "MemAvailable")]
    with suppress(OSError, ValueError):
        # "max" is no number, and no limit.
        limit = int((_CGROUP / "memory.max").read_text())
        found.append(limit - int((_CGROUP / "memory.current").read_text()))
    return max(0, min(found))


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 if that is not known."""
    with suppress(OSError):
        return _kilobytes(Path(f"/proc/{pid}/status"), "VmRSS")
    return 0


def _kilobytes(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", path.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _cpu() -> str:
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", _CPUINFO.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _cpu_limit() -> float | None:
    """CPUs' worth of time that a container may use; None if all."""
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        return round(int(quota) / int(period), 2)
    return None
