"""What bounds the work on a hostile file beyond its pixel count.

Pillow reads what stands between a file's pieces in Python, piece by piece and with the interpreter's lock held: twenty
megabytes of empty pieces take it minutes. Each piece costs it a `read`, so these are counted. What a few reads cannot
bound has a check of its own.
"""

from __future__ import annotations

import io
import struct

from contract.image_errors import CorruptImage, ImageTooLarge

# An honest picture of 20 MB takes about 10,000; a million take Pillow a second or two.
MAX_READS = 500_000
# Each may unpack to a megabyte, and the standard allows one.
_MAX_COLOUR_PROFILES = 4
# Pillow unpacks run-length-encoded BMPs in Python, up to a pixel at a time.
MAX_RUN_LENGTH_PIXELS = 4_000_000
_RUN_LENGTH = frozenset((1, 2))
# Pillow makes a list of a TIFF's strips or tiles, and begins anew for each.
MAX_TILES = 65_536
_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324


class TooManyReads(OSError):
    """A file was read in more pieces than any honest one has."""


class BoundedFile(io.BytesIO):
    """Bytes as a file that may be read `MAX_READS` times."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """As in `io.BytesIO`.

        Raises:
            TooManyReads: At the first call beyond the limit.
        """
        self._left -= 1
        if self._left < 0:
            raise TooManyReads(f"it has more than {MAX_READS:,} pieces")
        return super().read(size)


def check(data: bytes) -> None:
    """Refuses a file that costs time out of proportion in few reads.

    Raises:
        CorruptImage: A PNG with many colour profiles, a TIFF of too many tiles.
        ImageTooLarge: A large run-length-encoded BMP.
    """
    if data.startswith(b"\x89PNG") and (profiles := data.count(b"iCCP")) > _MAX_COLOUR_PROFILES:
        raise CorruptImage(f"Expected one colour profile in a PNG. Received: {profiles:,}")
    if data.startswith(b"BM") and int.from_bytes(data[30:34], "little") in _RUN_LENGTH:
        width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
        if width * height > MAX_RUN_LENGTH_PIXELS:
            raise ImageTooLarge(
                f"Expected at most {MAX_RUN_LENGTH_PIXELS:,} pixels in a run-length-encoded BMP. "
                f"Received: {width} x {height} = {width * height:,}"
            )
    if data.startswith((b"II", b"MM")) and (tiles := _tiles(data)) > MAX_TILES:
        raise CorruptImage(f"Expected at most {MAX_TILES:,} strips or tiles in a TIFF. Received: {tiles:,}")


def _tiles(data: bytes) -> int:
    """Of how many strips or tiles a TIFF's first directory tells; 0 if it cannot be read."""
    order, is_big = ("<" if data.startswith(b"II") else ">"), data[2:4] in {b"+\0", b"\0+"}
    offset, length, entry = (
        struct.Struct(order + kind) for kind in (("Q", "Q", "HHQ8x") if is_big else ("L", "H", "HHL4x"))
    )
    try:
        (start,) = offset.unpack_from(data, offset.size)
        (entries,) = length.unpack_from(data, start)
    except (struct.error, OverflowError, IndexError):
        return 0
    first = start + length.size
    entries = min(entries, (len(data) - first) // entry.size)
    told = entry.iter_unpack(data[first : first + entries * entry.size])
    return max((count for tag, _, count in told if tag in {_STRIP_OFFSETS, _TILE_OFFSETS}), default=0)
