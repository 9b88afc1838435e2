"""Plain PNGs: the same pixels as by Pillow's own way, and whatever is not plain is left to it."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contract import png
from tests.contract.pictures import encoded

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8)
PICTURES = {
    "L": Image.fromarray(PIXELS[..., 0]),
    "LA": Image.merge("LA", [Image.fromarray(PIXELS[..., 0]), Image.fromarray(PIXELS[..., 3])]),
    "RGB": Image.fromarray(PIXELS[..., :3].copy()),
    "RGBA": Image.fromarray(PIXELS),
}
# The passes of an interlaced PNG: first column, first row, and the steps between columns and rows.
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def file(*chunks: bytes, width: int = 7, height: int = 9, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


GREY = np.ascontiguousarray(PIXELS[..., 0])
ROWS = zlib.compress(b"".join(b"\0" + row.tobytes() for row in GREY))


@pytest.mark.parametrize("mode", PICTURES)
def test_a_plain_picture_has_the_pixels_that_pillow_reads(mode: str) -> None:
    data = encoded(PICTURES[mode])

    picture = png.plain(data)

    assert picture is not None
    assert picture.mode == mode
    assert picture.tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_its_pixels_may_come_in_many_pieces() -> None:
    pieces = [chunk(b"IDAT", ROWS[at : at + 3]) for at in range(0, len(ROWS), 3)]

    picture = png.plain(file(*pieces, chunk(b"IDAT", b"")))

    assert picture is not None
    assert picture.tobytes() == GREY.tobytes()


def test_it_may_be_interlaced() -> None:
    passes = (GREY[row::down, column::right] for column, row, right, down in ADAM7)
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)

    picture = png.plain(file(chunk(b"IDAT", zlib.compress(rows)), interlaced=1))

    assert picture is not None
    assert picture.tobytes() == GREY.tobytes()


def test_what_is_said_of_its_size_on_paper_changes_nothing() -> None:
    assert png.plain(encoded(PICTURES["RGB"], dpi=(300, 300))) is not None


@pytest.mark.parametrize(
    "data",
    [
        encoded(PICTURES["L"], transparency=5),
        encoded(PICTURES["RGB"].quantize()),
        encoded(np.array([[1, 65535]], np.uint16)),
        encoded(PICTURES["L"], exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        encoded(PICTURES["L"], icc_profile=b"profile"),
        encoded(PICTURES["L"], save_all=True, append_images=[PICTURES["L"]]),
        encoded(PICTURES["L"], "GIF"),
        encoded(PICTURES["L"])[:-20],
        encoded(PICTURES["L"])[:-12],
        file(chunk(b"IDAT", ROWS[:20])),
        file(chunk(b"IDAT", b"no zlib")),
        file(),
        file(chunk(b"IDAT", ROWS), width=0),
        file(chunk(b"pHYs", bytes(9))[:-1] + b"!", chunk(b"IDAT", ROWS)),
        file(chunk(b"IDAT", ROWS)).replace(struct.pack(">I", 9), struct.pack(">I", 8), 1),
        b"",
    ],
)
def test_what_is_not_plain_and_whole_is_left_to_pillow(data: bytes) -> None:
    assert png.plain(data) is None


def test_text_is_left_to_pillow_for_it_may_hold_an_orientation() -> None:
    text = PngInfo()
    text.add_text("Comment", "none")

    assert png.plain(encoded(PICTURES["L"], pnginfo=text)) is None


def test_a_picture_in_endless_pieces_is_left_to_pillow() -> None:
    assert png.plain(file(chunk(b"IDAT", b"") * 70_000, chunk(b"IDAT", ROWS))) is None
