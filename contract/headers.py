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
MAX_SEGMENTS = 4096
MAX_RUBBISH = 65_536

_SIZE = struct.Struct(">II")
_FRAME = struct.Struct(">HHB")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1))
# Markers that no length follows, and those that Pillow takes for such.
_BARE = frozenset((0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)))
_SCAN, _END = 0xDA, 0xD9


class JpegHeader(NamedTuple):
    """What a JPEG says of itself before its first scan.

    Attributes:
        size: Width and height, None if it does not say.
        one_scan: Whether a single pass over the file gives all its pixels.
    """

    size: tuple[int, int] | None
    one_scan: bool


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header of a PNG, JPEG or WebP; None if it tells none, and for other formats.

    Raises:
        CorruptImage: As `jpeg` does.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and len(data) >= 24:
        width, height = _SIZE.unpack_from(data, 16)
        return width, height
    if data.startswith(b"\xff\xd8\xff"):
        return jpeg(data).size
    return _webp_size(data) if data.startswith(b"RIFF") else None


def jpeg(data: bytes) -> JpegHeader:
    """What the bytes of a JPEG say before its first scan.

    Raises:
        CorruptImage: It has more rubbish, segments or scans than any honest one.
    """
    size, frame, channels = None, 0, 0
    at, rubbish = 2, 0
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        rubbish += max(0, (found.start() if found else len(data)) - at)
        if rubbish > MAX_RUBBISH:
            raise CorruptImage(f"Expected a JPEG. Received: more than {MAX_RUBBISH:,} bytes of rubbish in its header")
        if found is None:
            return JpegHeader(size, one_scan=False)
        marker, at = data[found.start() + 1], found.end()
        if marker == _SCAN:
            one_scan = frame in _SEQUENTIAL and data[at + 2 : at + 3] == bytes((channels,))
            if not one_scan:
                _check_scans(data, at)
            return JpegHeader(size, one_scan)
        if marker in _FRAMES and len(data) >= at + 8:
            frame = marker
            height, width, channels = _FRAME.unpack_from(data, at + 3)
            size = width, height
        if marker not in _BARE:
            at += max(2, int.from_bytes(data[at : at + 2]))
    raise CorruptImage(f"Expected at most {MAX_SEGMENTS:,} segments in a JPEG's header. Received: more")


def _check_scans(data: bytes, at: int) -> None:
    """Refuses a JPEG with more scans than `MAX_SCANS`; the first one's header is at `at`."""
    # What looks like a scan may lie in a segment, or behind the picture: counted so, there are never too few.
    if data.count(b"\xff\xda", at) < MAX_SCANS:
        return
    scans = 1
    while (found := _MARKER_AFTER_SCAN.search(data, at)) and data[found.start() + 1] != _END:
        scans += data[found.start() + 1] == _SCAN
        if scans > MAX_SCANS:
            raise CorruptImage(f"Expected at most {MAX_SCANS} scans in a JPEG. Received: more")
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 30 or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
