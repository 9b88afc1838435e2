"""Plain PNGs without Pillow's file machinery, which costs more than the pixels of a small picture.

Nothing is judged here: what is not plain, or not whole, is left to Pillow, which then decodes or refuses it. The pixels
come from Pillow's own decoder either way.
"""

from __future__ import annotations

import struct
from zlib import crc32

from PIL import Image

_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_FIRST_CHUNK = 33
_HEADER = struct.Struct(">IIBBBBBI")
_CHUNK = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
# Of the colour types with 8 bits a channel: a palette is Pillow's business.
_MODES = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}
# What changes no pixel here, and its length. Text is not among it, for it may hold an orientation.
_WITHOUT_EFFECT = {b"gAMA": 4, b"sRGB": 1, b"pHYs": 9, b"cHRM": 32, b"tIME": 7}

# A PNG of 20 MB in libpng's usual pieces has 2,500.
_MAX_CHUNKS = 65_536


def plain(data: bytes) -> Image.Image | None:
    """The picture in mode L, LA, RGB or RGBA, if these are the bytes of a plain and whole PNG; else None."""
    if not data.startswith(_START):
        return None
    try:
        width, height, bits, colour, compression, filters, interlaced, checksum = _HEADER.unpack_from(data, 16)
        mode = _MODES.get(colour)
        if (
            mode is None
            or not width
            or not height
            or bits != 8
            or compression
            or filters
            or checksum != crc32(data[12:29])
        ):
            return None
        compressed = _compressed(data)
        return Image.frombytes(mode, (width, height), compressed, "zip", (mode, interlaced)) if compressed else None
    except (struct.error, ValueError):
        return None


def _compressed(data: bytes) -> bytes | None:
    """The pixels as they are compressed; None if there are chunks that may change them. Raises struct.error."""
    parts: list[memoryview] = []
    view = memoryview(data)
    at = _FIRST_CHUNK
    for _ in range(_MAX_CHUNKS):
        length, kind = _CHUNK.unpack_from(data, at)
        end = at + 8 + length
        if kind == b"IDAT":
            parts.append(view[at + 8 : end])
        elif kind == b"IEND":
            return b"".join(parts)
        elif _WITHOUT_EFFECT.get(kind) != length or crc32(view[at + 4 : end]) != _CHECKSUM.unpack_from(data, end)[0]:
            return None
        at = end + 4
    return None
