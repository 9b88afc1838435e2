"""How many CPUs this process may use: a container's CPU set can make them fewer than the machine's."""

from __future__ import annotations

import os

USABLE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
