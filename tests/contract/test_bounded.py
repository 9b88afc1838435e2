"""Small files that would cost minutes or gigabytes, each within the pixel limit."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from contract import bounded
from contract.bounded import MAX_READS, BoundedFile, TooManyReads
from contract.image_errors import CorruptImage, ImageTooLarge
from tests.contract.pictures import decoded, encoded, smooth

GIF = encoded(smooth(8, 8), "GIF")
GIF_START, GIF_REST = GIF[: 13 + 3 * 2 ** ((GIF[10] & 7) + 1)], GIF[13 + 3 * 2 ** ((GIF[10] & 7) + 1) :]
PNG = encoded(smooth(8, 8))
PIECES = 20_000


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def in_png(chunks: bytes) -> bytes:
    return PNG[:33] + chunks + PNG[33:]


def run_length_bmp(width: int, height: int, body: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body), 0, 0, 1078) + header + bytes(1024) + body


def tiff(width: int, height: int, strips: int) -> bytes:
    """One row a strip, all of them at the same place."""
    fields = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items()]
    end = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries.insert(5, struct.pack("<HHII", 273, 4, strips, end))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8) * strips


def endless() -> Iterator[tuple[str, bytes]]:
    yield "png of empty chunks", in_png(chunk(b"abCd") * (PIECES // 2))
    yield "png of empty pixels", in_png(chunk(b"tEXt", b"a\0b") + chunk(b"IDAT") * (PIECES // 2))
    yield "gif of empty comments", GIF_START + b"!\xfe\0" * PIECES + GIF_REST
    yield "gif of tiny comments", GIF_START + b"!\xfe" + b"\1x" * PIECES + b"\0" + GIF_REST
    yield "gif of rubbish", GIF_START + b"\0" * PIECES + GIF_REST
    yield "run lengths of no progress", run_length_bmp(1000, 1000, b"\1\1" * PIECES)


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in endless()])
def test_a_file_of_endless_pieces_is_refused(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MAX_READS", PIECES)
    with pytest.raises(CorruptImage, match="more than 20,000 pieces"):
        decoded(data, 8, 8)


def test_a_png_that_unpacks_endless_colour_profiles_is_refused() -> None:
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1000)))

    assert decoded(in_png(profile), 8, 8).shape == (8, 8, 3)
    with pytest.raises(CorruptImage, match=r"Expected one colour profile in a PNG\. Received: 9"):
        decoded(in_png(profile * 9), 8, 8)


def test_a_large_run_length_encoded_bmp_is_refused() -> None:
    assert decoded(run_length_bmp(4, 2, b"\4\0\0\0\4\0\0\1"), 2, 4).shape == (2, 4, 3)
    with pytest.raises(ImageTooLarge, match="4,000,000 pixels in a run-length-encoded BMP"):
        decoded(run_length_bmp(2001, 2000, b"\0\1"), 8, 8)


def test_a_tiff_of_endless_strips_is_refused() -> None:
    assert decoded(tiff(4, 300, 300), 8, 8, 1).shape == (8, 8, 1)
    with pytest.raises(CorruptImage, match=r"at most 65,536 strips or tiles in a TIFF\. Received: 70,000"):
        decoded(tiff(1, 70_000, 70_000), 8, 8)


def test_a_bounded_file_gives_its_bytes_so_many_times() -> None:
    file = BoundedFile(b"abc")

    assert (file.read(1), file.read(), file.read(5)) == (b"a", b"bc", b"")
    for _ in range(MAX_READS - 3):
        file.read(1)
    with pytest.raises(TooManyReads):
        file.read(1)


def test_a_photo_in_the_usual_pieces_is_far_from_the_limit() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    text = chunk(b"tEXt", b"Comment\0none")  # leaves it to Pillow, which reads it piece by piece

    whole = encoded(pixels, compress_level=1)

    assert np.array_equal(decoded(whole[:33] + text + whole[33:], 64, 64), decoded(whole, 64, 64))
