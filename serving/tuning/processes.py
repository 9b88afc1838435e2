"""How processes of the tuning are started: so that they end with it, and find this program wherever they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def leashed(words: Sequence[str]) -> list[str]:
    """The command, on a leash that this process holds."""
    return [sys.executable, "-m", "serving.tuning.leash", str(os.getpid()), *words]


def environment() -> Mapping[str, str]:
    """This process's own, with this program among the modules of Python."""
    path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
