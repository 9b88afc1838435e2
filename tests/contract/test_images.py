"""The one decoder on synthetic pictures whose right answer is known."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import (
    FORMATS,
    CorruptImage,
    EmptyImage,
    ImageError,
    ImageTooLarge,
    UnsupportedImage,
    decode,
)
from tests.contract.pictures import CORNERS, blocks, decoded, encoded, smooth

# What a picture looks like that has to be shown as CORNERS, by its EXIF orientation.
STORED: dict[int, NDArray[Any]] = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.swapaxes(0, 1),
    6: np.rot90(CORNERS, 1),
    7: np.rot90(CORNERS, 2).swapaxes(0, 1),
    8: np.rot90(CORNERS, -1),
}


def distance(left: NDArray[Any], right: NDArray[Any]) -> float:
    """The mean absolute difference, in steps of 256."""
    return float(np.abs(left.astype(float) - right).mean())


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_a_lossless_picture_of_the_right_size_arrives_bit_for_bit(kind: str) -> None:
    pixels = blocks(4)

    array = decoded(encoded(pixels, kind), 8, 8)

    assert (array.dtype.name, array.shape) == ("uint8", (8, 8, 3))
    assert np.array_equal(array, pixels)


def test_lossless_webp_arrives_bit_for_bit() -> None:
    assert np.array_equal(decoded(encoded(blocks(4), "WEBP", lossless=True), 8, 8), blocks(4))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in {"JPEG", "WEBP", "AVIF"}])
def test_a_lossy_picture_arrives_nearly_as_it_was(kind: str) -> None:
    pixels = smooth(64, 48)

    assert distance(decoded(encoded(pixels, kind, quality=95), 64, 48), pixels) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(np.ascontiguousarray(STORED[orientation]), kind, exif=with_orientation(orientation), **options)

    assert np.array_equal(decoded(data, 2, 2), CORNERS)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_of_any_shape_agrees_with_the_upright_one(orientation: int, resize: str) -> None:
    upright = smooth(90, 160)
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    data = encoded(np.ascontiguousarray(turned), "JPEG", quality=98, exif=with_orientation(orientation))

    assert distance(decoded(data, 24, 32, resize=resize), decoded(encoded(upright), 24, 32, resize=resize)) < 2.5


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_counts_as_none(orientation: int) -> None:
    assert np.array_equal(decoded(encoded(CORNERS, exif=with_orientation(orientation)), 2, 2), CORNERS)


def test_cmyk_becomes_rgb() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 8:] = [0, 255, 255, 0]  # no cyan, all magenta and yellow: red
    data = encoded(Image.fromarray(pixels, "CMYK"), "JPEG", quality=100, subsampling=0)

    array = decoded(data, 16, 16)

    assert distance(array[:, :6], np.array([255, 255, 255])) < 3
    assert distance(array[:, 10:], np.array([255, 0, 0])) < 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    deep = np.array([[0, 257, 32768, 65535]], np.uint16)

    assert decoded(encoded(deep, kind), 1, 4, 1).ravel().tolist() == [0, 1, 128, 255]
    assert decoded(encoded(deep, kind), 1, 4)[0, :, 2].tolist() == [0, 1, 128, 255]


def test_floats_up_to_1_are_taken_as_shares_and_above_as_steps() -> None:
    assert decoded(encoded(np.array([[0, 0.5, 1]], np.float32), "TIFF"), 1, 3, 1).ravel().tolist() == [0, 128, 255]
    assert decoded(encoded(np.array([[0, 99.6, 300]], np.float32), "TIFF"), 1, 3, 1).ravel().tolist() == [0, 100, 255]
    assert decoded(encoded(np.array([[np.nan, 1]], np.float32), "TIFF"), 1, 2, 1).ravel().tolist() == [0, 255]


def test_what_is_transparent_lies_over_white() -> None:
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    grey = np.array([[[0, 255], [0, 0]]], np.uint8)

    assert decoded(encoded(rgba), 1, 3).tolist() == [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]]
    assert decoded(encoded(Image.fromarray(grey, "LA")), 1, 2, 1).ravel().tolist() == [0, 255]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_is_looked_up_and_its_transparent_colour_is_white(kind: str) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    picture.putpalette([10, 20, 30, 200, 100, 0, 7, 8, 9])

    assert decoded(encoded(picture, kind), 1, 3).tolist() == [[[10, 20, 30], [200, 100, 0], [7, 8, 9]]]
    assert decoded(encoded(picture, kind, transparency=1), 1, 3).tolist() == [[[10, 20, 30], [255] * 3, [7, 8, 9]]]


def test_one_bit_becomes_black_and_white() -> None:
    picture = Image.fromarray(np.array([[True, False]]))

    assert picture.mode == "1"
    assert decoded(encoded(picture), 1, 2, 1).ravel().tolist() == [255, 0]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_counts(kind: str) -> None:
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(first, kind, save_all=True, append_images=[second], **options)

    assert np.array_equal(decoded(data, 4, 4), np.broadcast_to([255, 0, 0], (4, 4, 3)))


def test_colour_becomes_grey_by_its_luminance_and_grey_becomes_colour() -> None:
    assert decoded(encoded(CORNERS), 2, 2, 1).ravel().tolist() == [76, 150, 29, 255]  # ITU-R 601
    assert decoded(encoded(np.array([[0, 200]], np.uint8)), 1, 2).tolist() == [[[0] * 3, [200] * 3]]


def test_stretch_takes_the_whole_picture_and_changes_its_shape() -> None:
    step = encoded(np.array([[0, 0, 200, 200]], np.uint8))

    # Antialiased: a seventh of the weight reaches over the edge.
    assert decoded(step, 2, 2, 1)[..., 0].tolist() == [[29, 171]] * 2


def test_crop_takes_the_centre() -> None:
    wide = np.array([[10, 20, 30, 40, 50, 60]] * 2, np.uint8)

    assert decoded(encoded(wide), 2, 2, 1, resize="crop")[..., 0].tolist() == [[30, 40]] * 2
    assert decoded(encoded(wide.T), 2, 2, 1, resize="crop")[..., 0].tolist() == [[30, 30], [40, 40]]


@pytest.mark.parametrize("side", range(20, 140, 7))
def test_crop_takes_pictures_of_any_size(side: int) -> None:
    square = np.full((side, side), 9, np.uint8)

    assert (decoded(encoded(square), 20, 30, 1, resize="crop") == 9).all()


def test_pad_takes_the_whole_picture_and_puts_black_beside_it() -> None:
    wide = np.full((1, 4), 200, np.uint8)

    padded = decoded(encoded(wide), 4, 4, 1, resize="pad")[..., 0]

    assert padded.tolist() == [[0] * 4, [200] * 4, [0] * 4, [0] * 4]
    assert decoded(encoded(wide.T), 4, 4, 1, resize="pad")[..., 0].tolist() == [[0, 200, 0, 0]] * 4


def test_a_line_of_4000_pixels_survives_every_way_of_resizing() -> None:
    line = encoded(np.full((1, 4000), 200, np.uint8))

    for resize in ("stretch", "crop", "pad"):
        assert decoded(line, 32, 32, resize=resize).max() == 200


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 50), (61, 17)])
def test_resizing_is_near_to_what_tensorflow_does_with_antialiasing(height: int, width: int) -> None:
    pixels = smooth(300, 400)
    wanted = tf.image.resize(pixels, (height, width), antialias=True).numpy()

    assert distance(decoded(encoded(pixels), height, width), wanted) < 1


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_photo_scaled_while_decoding_is_near_to_one_scaled_afterwards(resize: str) -> None:
    data = encoded(smooth(1200, 1600), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as full:
        plain = decoded(encoded(full.copy()), 64, 64, resize=resize)

    assert distance(decoded(data, 64, 64, resize=resize), plain) < 1.5


def test_the_pixel_count_is_checked_before_anything_is_decoded() -> None:
    cut_off = encoded(np.zeros((100, 100), np.uint8))[:60]  # a whole header, no pixels

    with pytest.raises(ImageTooLarge, match=r"Expected at most 9,999 pixels\. Received: 100 x 100 = 10,000"):
        decoded(cut_off, 8, 8, max_pixels=9_999)
    with pytest.raises(CorruptImage):
        decoded(cut_off, 8, 8, max_pixels=10_000)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_that_breaks_off_is_refused(kind: str) -> None:
    whole = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), kind)

    with pytest.raises((CorruptImage, UnsupportedImage)):
        decoded(whole[: len(whole) // 2], 8, 8)


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", EmptyImage, "Expected PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF. Received: an empty file"),
        (b"%PDF-1.7 ...", UnsupportedImage, "Received: PDF"),
        (b"PK\x03\x04....", UnsupportedImage, "Received: a ZIP archive"),
        (b"  <svg xmlns='...'/>", UnsupportedImage, "Received: SVG"),
        (b"<!DOCTYPE html><p>", UnsupportedImage, "Received: HTML"),
        (b"dear reader", UnsupportedImage, "Received: text"),
        (b"\x00\x00\x00\x18ftypheic....", UnsupportedImage, "Received: HEIF or HEIC"),
        (b"\x00\x00\x00\x18ftypmp42....", UnsupportedImage, "Received: a media file of brand 'mp42'"),
        (b"\x89PNG\r\n\x1a\nxxxx", ImageError, "PNG|header"),
        (b"\xfe\xed" * 600, UnsupportedImage, "Received: 1,200 bytes of no picture format"),
    ],
)
def test_what_is_no_picture_is_refused_and_named(data: bytes, kind: type[ImageError], message: str) -> None:
    with pytest.raises(kind, match=message):
        decoded(data, 8, 8)


def test_every_kind_of_error_has_its_own_stable_code() -> None:
    kinds = (EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge)

    assert [kind.code for kind in kinds] == ["empty_image", "unsupported_image", "corrupt_image", "image_too_large"]


def test_formats_that_nobody_asked_for_are_not_opened() -> None:
    for kind in ("PPM", "ICO", "PCX", "TGA"):
        with pytest.raises(UnsupportedImage):
            decoded(encoded(blocks(8), kind), 8, 8)


WHOLE = [encoded(smooth(24, 24), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")]


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_bytes_give_an_array_or_an_image_error_and_nothing_else(
    data: bytes, damage: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in damage:
        damaged[place % len(damaged)] = value
    try:
        array = decode(bytes(damaged), ImageSpec(8, 8), max_pixels=100_000)
    except ImageError:
        return
    assert (array.dtype.name, array.shape) == ("uint8", (8, 8, 3))


@given(st.binary(max_size=200))
def test_any_bytes_give_an_array_or_an_image_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode(data, ImageSpec(8, 8))
