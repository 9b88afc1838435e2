"""libtiff without its lines on stderr: what is wrong with a stranger's picture is that picture's refusal, no news."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

_MAPS = Path("/proc/self/maps")


def quiet_libtiff() -> None:
    """Takes away the error handler of the libtiff that this process has loaded; elsewhere than on Linux nothing."""
    with contextlib.suppress(OSError, AttributeError):
        loaded = {line.split()[-1] for line in _MAPS.read_text().splitlines() if "/libtiff" in line}
        for path in loaded:
            # Pillow does the same with the handler of warnings.
            ctypes.CDLL(path).TIFFSetErrorHandler(None)
