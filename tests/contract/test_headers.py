"""Sizes by the first bytes, and JPEGs whose header no honest encoder writes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contract import headers
from contract.image_errors import CorruptImage, ImageTooLarge
from tests.contract.pictures import decoded, encoded, smooth

PICTURE = Image.fromarray(smooth(21, 34))
PLAIN = encoded(PICTURE, "JPEG")
PROGRESSIVE = encoded(PICTURE, "JPEG", progressive=True)
COMMENT = b"\xff\xfe\0\2"
# One more pass over all blocks, for which the file has no bits.
SCAN = b"\xff\xda\0\x08\1\1\0\1\x3f\0"


def with_scans(more: int) -> bytes:
    """The progressive picture with so many scans behind its own."""
    return PROGRESSIVE[:-2] + SCAN * more + PROGRESSIVE[-2:]


@pytest.mark.parametrize(
    "data",
    [
        encoded(PICTURE, "PNG"),
        encoded(PICTURE, "GIF"),
        encoded(PICTURE, "BMP"),
        encoded(PICTURE, "WEBP"),
        encoded(PICTURE, "WEBP", lossless=True),
        encoded(PICTURE, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(90)]),
        PLAIN,
        PROGRESSIVE,
        encoded(PICTURE.convert("CMYK"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    ],
)
def test_the_header_tells_the_size(data: bytes) -> None:
    assert headers.read(data).size == (34, 21)


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM"])
def test_of_other_formats_nothing_is_told(kind: str) -> None:
    assert headers.read(encoded(PICTURE, kind)) == headers.Header(None)


def test_a_jpeg_of_one_scan_is_told_from_those_that_are_held_as_a_whole() -> None:
    assert headers.read(PLAIN).sequential
    assert not headers.read(PROGRESSIVE).sequential
    assert not headers.read(encoded(PICTURE, "PNG")).sequential


def test_too_large_a_webp_is_refused_before_its_canvas_is_made() -> None:
    with pytest.raises(ImageTooLarge, match="34 x 21 = 714"):
        decoded(encoded(PICTURE, "WEBP")[:40], 8, 8, max_pixels=713)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    own = PROGRESSIVE.count(b"\xff\xda")

    assert decoded(with_scans(headers.MAX_SCANS - own), 8, 8).shape == (8, 8, 3)
    with pytest.raises(CorruptImage, match="at most 100 scans"):
        decoded(with_scans(headers.MAX_SCANS - own + 1), 8, 8)


def test_what_looks_like_scans_behind_a_picture_is_not_counted() -> None:
    data = PROGRESSIVE + SCAN * 500

    assert np.array_equal(decoded(data, 8, 8), decoded(PROGRESSIVE, 8, 8))


@pytest.mark.parametrize("rubbish", [b"\0", b"\xff"], ids=["zeros", "fill bytes"])
def test_rubbish_in_a_jpegs_header_is_skipped_but_not_without_end(rubbish: bytes) -> None:
    some, much = (PLAIN[:2] + COMMENT + rubbish * count + PLAIN[2:] for count in (1000, 70_000))

    assert np.array_equal(decoded(some, 8, 8), decoded(PLAIN, 8, 8))
    with pytest.raises(CorruptImage, match="more than 65,536 bytes of rubbish"):
        decoded(much, 8, 8)


def test_a_jpeg_of_endless_segments_is_refused() -> None:
    assert decoded(PLAIN[:2] + COMMENT * 500 + PLAIN[2:], 8, 8).shape == (8, 8, 3)
    with pytest.raises(CorruptImage, match="at most 1,024 segments"):
        decoded(PLAIN[:2] + COMMENT * 2000 + PLAIN[2:], 8, 8)


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\0\0\0\0WEBPVP8", b"GIF89a", b"BM", b""])
)
def test_a_header_that_breaks_off_tells_nothing(start: bytes) -> None:
    assert headers.read(start) == headers.Header(None)


@given(st.binary(max_size=300))
def test_any_bytes_of_a_jpeg_are_read_without_an_error(rest: bytes) -> None:
    headers.read(b"\xff\xd8\xff" + rest)


@settings(max_examples=50)
@given(st.integers(4, len(PLAIN) - 2), st.integers(0, 255))
def test_a_damaged_jpegs_size_is_never_another_than_pillows(place: int, value: int) -> None:
    damaged = bytearray(PLAIN)
    damaged[place] = value
    size = headers.read(bytes(damaged)).size
    try:
        by_pillow = Image.open(io.BytesIO(damaged), formats=["JPEG"]).size
    except Exception:
        return
    assert size is None or size == by_pillow
