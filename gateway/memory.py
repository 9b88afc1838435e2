"""Keeps the C allocator from holding on to memory that pictures needed once.

glibc gives each thread an arena of its own and keeps what is freed in it; with sixteen threads that decode pictures a
worker then holds several times of what it uses. One arena, and blocks above 128 KiB straight from the kernel and
straight back to it, cost no measurable time. Elsewhere than on glibc this module does nothing.
"""

from __future__ import annotations

import ctypes
import platform

_ARENA_MAX = -8
_MMAP_THRESHOLD = -3
_TRIM_THRESHOLD = -1
_BLOCK_BYTES = 128 * 1024


def limit_arenas() -> None:
    """Sets the allocator up, for this process and those it forks. Call it before threads start."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_MMAP_THRESHOLD, _BLOCK_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _BLOCK_BYTES)


def give_back() -> None:
    """Returns free pages to the kernel, about a millisecond of work: worth it after a large request."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
