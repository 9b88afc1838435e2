"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable(quota_file: Path = _QUOTA) -> int:
    """Processors by affinity, or by the container's quota where that is less; at least 1.

    A container with a quota of two processors on a machine of 64 sees all 64, and would start far too much.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
        return max(1, min(count, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # No such group, or "max": no quota.
        return count
