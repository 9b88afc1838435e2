"""Keeps the C allocator from holding on to memory that pictures needed once, and from fetching it anew for each.

glibc gives each thread an arena of its own and keeps what is freed in it; with many threads that decode pictures a
worker then holds several times of what it uses: one arena for all costs no measurable time. By default it takes blocks
above 128 KiB from the kernel and gives them straight back, and the page faults of that cost more than a photo's
decoding: blocks up to 16 MiB, a large photo's buffers, are kept, and given back when the worker comes to
rest. Elsewhere than on glibc this module does nothing.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import platform

_ARENA_MAX = -8
_MMAP_THRESHOLD = -3
_TRIM_THRESHOLD = -1
_BLOCK_BYTES = 16 << 20
_KEPT_BYTES = 64 << 20
_REST_S = 1.0


def limit_arenas() -> None:
    """Sets the allocator up, for this process and those it forks. Call it before threads start."""
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_MMAP_THRESHOLD, _BLOCK_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


class Tidying:
    """Returns free pages to the kernel, a few milliseconds of work, a while after the last large request."""

    def __init__(self) -> None:
        self._libc = _glibc()
        self._handle: asyncio.TimerHandle | None = None

    def soon(self, *, large: bool) -> None:
        """Does so after a second in which no large request asks for it again. For one event loop.

        Small ones ask for it too, for a few bytes may become a large picture, but do not put it off.
        """
        if self._libc is None or (self._handle is not None and not large):
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = asyncio.get_running_loop().call_later(_REST_S, self._tidy, self._libc)

    def _tidy(self, libc: ctypes.CDLL) -> None:
        self._handle = None
        # An error and the frames it came through may hold on to each other, and to an upload.
        gc.collect()
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
