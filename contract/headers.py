"""A picture's first bytes, before any decoder has seen it: its size, and what no honest file does.

Pillow reads what stands between the pieces of a file one by one in Python, with the interpreter's lock held, and a
progressive JPEG goes over all its pixels once a scan: a small file can so cost minutes. Here such files are refused.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from contract.image_errors import CorruptImage

# As in libtiff for the JPEGs inside a TIFF; encoders write about 10, and a scan may take 12 bytes.
MAX_SCANS = 100
# Segments before a JPEG's first scan, and bytes of rubbish between them, which Pillow skips one by one.
MAX_SEGMENTS = 1024
MAX_RUBBISH = 65_536

_PNG_SIZE = struct.Struct(">II")
_GIF_SIZE = struct.Struct("<HH")
_BMP_SIZE = struct.Struct("<ii")
_OLD_BMP = 12
_FRAME = struct.Struct(">HHB")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1))
# Markers that no length follows, and those that Pillow takes for such.
_BARE = frozenset((0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)))
_SCAN, _END = 0xDA, 0xD9


class Header(NamedTuple):
    """What the first bytes say, as far as they say it.

    Attributes:
        size: Width and height, None if they are not told.
        sequential: Whether it is a JPEG of one scan, of which a decoder needs only a few lines at a time.
        scans_at: Where the first scan of another JPEG begins; 0 for all else.
    """

    size: tuple[int, int] | None
    sequential: bool = False
    scans_at: int = 0


def read(data: bytes) -> Header:
    """The header of a PNG, JPEG, WebP, GIF or BMP; of others, and of what is none, nothing is told.

    Raises:
        CorruptImage: A JPEG with more rubbish or segments before its first scan than any honest one.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    return Header(_size(data) if len(data) >= 30 else None)


def _size(data: bytes) -> tuple[int, int] | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        width, height = _PNG_SIZE.unpack_from(data, 16)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        width, height = _webp_size(data)
    elif data.startswith((b"GIF87a", b"GIF89a")):
        width, height = _GIF_SIZE.unpack_from(data, 6)
    elif data.startswith(b"BM") and data[14] != _OLD_BMP:
        width, height = _BMP_SIZE.unpack_from(data, 18)
    else:
        return None
    return width, abs(height)


def _jpeg(data: bytes) -> Header:
    size, frame, channels = None, 0, 0
    at, rubbish = 2, 0
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at, at + MAX_RUBBISH + 2)
        rubbish += (found.start() if found else min(len(data), at + MAX_RUBBISH + 2)) - min(at, len(data))
        if rubbish > MAX_RUBBISH:
            raise CorruptImage(f"Expected a JPEG. Received: more than {MAX_RUBBISH:,} bytes of rubbish in its header")
        if found is None:
            return Header(size)
        marker, at = data[found.start() + 1], found.end()
        if marker == _SCAN:
            sequential = frame in _SEQUENTIAL and data[at + 2 : at + 3] == bytes((channels,))
            return Header(size, sequential, 0 if sequential else at)
        if marker in _FRAMES and len(data) >= at + 8:
            frame = marker
            height, width, channels = _FRAME.unpack_from(data, at + 3)
            size = width, height
        if marker not in _BARE:
            at += max(2, int.from_bytes(data[at : at + 2]))
    raise CorruptImage(f"Expected at most {MAX_SEGMENTS:,} segments in a JPEG's header. Received: more")


def check_scans(data: bytes, at: int) -> None:
    """Refuses a JPEG with more scans than `MAX_SCANS`; its first one begins at `at`.

    Raises:
        CorruptImage: It has more.
    """
    # What looks like a scan may lie in a segment, or behind the picture: counted so, there are never too few.
    if data.count(b"\xff\xda", at) < MAX_SCANS:
        return
    scans = 1
    while (found := _MARKER_AFTER_SCAN.search(data, at)) and data[found.start() + 1] != _END:
        scans += data[found.start() + 1] == _SCAN
        if scans > MAX_SCANS:
            raise CorruptImage(f"Expected at most {MAX_SCANS} scans in a JPEG. Received: more")
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
