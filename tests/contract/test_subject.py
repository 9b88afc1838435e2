"""A user's picture, shown as the training pictures show theirs."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from sklearn.datasets import load_digits

from contract.card import ImageSpec, SubjectSpec
from contract.images import decode
from contract.subject import prepare
from tests.contract.pictures import encoded
from tests.drawn import CLASSES_OF_RENDERED, CLOTHES, handwritten, product, rendered

CLOTHING = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", 0.08))
DIGIT = ImageSpec(8, 8, 1, subject=SubjectSpec("dark", 0.35))
OFF_WHITE = (242, 240, 236)
SHIRT = "T-shirt or top"


def shown(picture: Image.Image | NDArray[Any], spec: ImageSpec = CLOTHING, kind: str = "PNG", **options: Any) -> Any:
    """The picture as the model gets it: uint8 [height, width]."""
    return decode(encoded(picture, kind, **options), spec)[..., 0]


def official_test_images(shared: Path) -> NDArray[np.uint8]:
    data = (shared / "keras_home" / "datasets" / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").read_bytes()
    return np.frombuffer(gzip.decompress(data), np.uint8, offset=16).reshape(-1, 28, 28)


def digits() -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    return images


def assert_light_on_dark_centred_and_full(array: NDArray[np.uint8]) -> None:
    # A faint edge or a soft shadow may reach further than what the eye takes for the subject.
    rows, columns = (np.flatnonzero((array > 25).any(axis)) for axis in (1, 0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert max(height, width) >= 0.92 * array.shape[0]
    assert abs(rows[0] + rows[-1] + 1 - array.shape[0]) <= 2
    assert abs(columns[0] + columns[-1] + 1 - array.shape[1]) <= 2
    assert array.max() == 255
    assert array[[0, 0, -1, -1], [0, -1, 0, -1]].min() <= 25


def difference(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """The mean absolute difference, in grey levels."""
    return float(np.abs(left.astype(float) - right).mean())


def test_fashion_mnists_own_pictures_arrive_bit_for_bit(shared: Path) -> None:
    images = official_test_images(shared)
    for image in images:
        assert np.array_equal(prepare(Image.fromarray(image), (28, 28), SubjectSpec("dark", 0.08)), image)
    for image in images[::50]:
        assert np.array_equal(shown(image), image)
        assert np.array_equal(shown(image[..., None].repeat(3, axis=-1), kind="BMP"), image)


def test_the_digits_own_pictures_arrive_bit_for_bit() -> None:
    for image in digits():
        assert np.array_equal(prepare(Image.fromarray(image), (8, 8), SubjectSpec("dark", 0.35)), image)
    for image in digits()[::20]:
        assert np.array_equal(shown(image, DIGIT), image)


def test_own_pictures_that_were_saved_dark_on_light_are_negated() -> None:
    for image in digits()[::20]:
        assert np.array_equal(shown(255 - image, DIGIT), image)


@pytest.mark.parametrize("colour", [(25, 25, 28), (190, 40, 50), (225, 222, 215)])
@pytest.mark.parametrize("name", CLOTHES)
def test_clothes_on_white_become_light_on_dark_centred_and_as_large_as_the_canvas(
    name: str, colour: tuple[int, int, int]
) -> None:
    assert_light_on_dark_centred_and_full(shown(product(name, colour=colour), kind="JPEG", quality=90))


@pytest.mark.parametrize("name", CLOTHES)
def test_off_white_a_soft_shadow_and_a_place_beside_the_centre_change_little(name: str) -> None:
    plain = shown(product(name))
    photo = product(name, ground=OFF_WHITE, shadow=0.08, at=(0.4, 0.6), scale=0.5)

    assert difference(shown(photo, kind="JPEG", quality=75), plain) < 16


@pytest.mark.parametrize("name", CLASSES_OF_RENDERED)
def test_rendered_clothes_on_nothing_or_on_off_white_are_shown_alike(name: str) -> None:
    transparent = shown(rendered(name), kind="WEBP", lossless=True)
    photo = shown(rendered(name, ground=OFF_WHITE), kind="JPEG", quality=85)

    assert_light_on_dark_centred_and_full(transparent)
    assert_light_on_dark_centred_and_full(photo)
    assert difference(transparent, photo) < 20


@pytest.mark.parametrize(
    ("colour", "ground"),
    [((250, 250, 250), (150, 150, 155)), ((250, 250, 250), (5, 5, 5)), ((20, 20, 20), (130, 128, 120))],
    ids=["white on grey", "white on black", "black on grey"],
)
def test_a_subject_becomes_light_on_dark_whatever_it_lay_on(
    colour: tuple[int, int, int], ground: tuple[int, int, int]
) -> None:
    assert_light_on_dark_centred_and_full(shown(product(SHIRT, colour=colour, ground=ground)))


def test_for_training_pictures_on_a_light_background_the_result_is_the_negative() -> None:
    light = replace(CLOTHING, subject=SubjectSpec("light", 0.08))

    for picture in (product(SHIRT), ImageOps.invert(product(SHIRT)), Image.new("L", (60, 90), 255)):
        assert np.array_equal(shown(picture, light), 255 - shown(picture))
    assert np.array_equal(shown(np.full((28, 28), 250, np.uint8), light), np.full((28, 28), 250))


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("seed", range(3))
def test_a_digit_on_unevenly_lit_paper_becomes_light_on_dark_centred_and_full(digit: int, seed: int) -> None:
    array = shown(handwritten(digit, seed=10 * digit + seed), DIGIT, "JPEG", quality=85)

    rows, columns = (np.flatnonzero((array > 25).any(axis)) for axis in (1, 0))
    assert (rows[0], rows[-1]) == (0, 7)
    assert abs(columns[0] + columns[-1] - 7) <= 1
    assert array.max() == 255


@pytest.mark.parametrize(
    "change",
    [
        {"pen": 4},
        {"ink": (175, 175, 170)},
        {"unevenness": 0.7},
        {"paper": (240, 230, 120)},
    ],
    ids=["thin", "pencil", "lamp", "yellow"],
)
def test_pen_ink_paper_and_light_change_a_digit_little(change: dict[str, Any]) -> None:
    plain = shown(handwritten(3, seed=5), DIGIT)

    assert difference(shown(handwritten(3, seed=5, **change), DIGIT), plain) < 20


def test_ruled_paper_is_not_ink() -> None:
    plain, ruled = handwritten(3, seed=5), handwritten(3, seed=5)
    draw = ImageDraw.Draw(ruled)
    for y in range(10, 480, 24):
        draw.line((0, y, 640, y), fill=(160, 185, 225), width=2)

    assert difference(shown(ruled, DIGIT), shown(plain, DIGIT)) < 20


def framed(width: int) -> Image.Image:
    picture = product(SHIRT)
    ImageDraw.Draw(picture).rectangle((0, 0, 479, 599), outline=(0, 0, 0), width=width)
    return picture


def speckled() -> Image.Image:
    picture = product(SHIRT)
    places = np.random.default_rng(0).integers(0, 480, (30, 2))
    ImageDraw.Draw(picture).point([(int(x), int(y)) for x, y in places], fill=(0, 0, 0))
    return picture


def noisy() -> Image.Image:
    pixels = np.asarray(product(SHIRT)) + np.random.default_rng(0).normal(0, 12, (600, 480, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def half_lit() -> Image.Image:
    light = np.linspace(1, 0.5, 480)[None, :, None]
    return Image.fromarray((np.asarray(product(SHIRT)) * light).astype(np.uint8))


@pytest.mark.parametrize(
    "picture",
    [framed(1), framed(9), speckled(), noisy(), half_lit()],
    ids=["thin frame", "frame", "specks", "noise", "half lit"],
)
def test_what_is_not_the_subject_hardly_changes_how_it_is_shown(picture: Image.Image) -> None:
    assert difference(shown(picture), shown(product(SHIRT))) < 10


def test_a_subject_may_touch_the_edges_of_the_picture() -> None:
    assert_light_on_dark_centred_and_full(shown(product(SHIRT, scale=1.1)))
    assert_light_on_dark_centred_and_full(shown(product(SHIRT, at=(0.2, 0.2))))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_before_the_subject_is_placed(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = product("Ankle boot")
    upright = ImageOps.exif_transpose(Image.open(_file(stored, exif)))

    assert difference(shown(stored, exif=exif), shown(upright)) < 1


def _file(picture: Image.Image, exif: Image.Exif) -> Any:
    return io.BytesIO(encoded(picture, exif=exif))


@pytest.mark.parametrize("grey", [0, 90, 127])
def test_a_blank_dark_picture_stays_as_dark_as_it_is(grey: int) -> None:
    array = shown(np.full((60, 90), grey, np.uint8))

    assert set(np.unique(array)) <= {0, grey}
    assert (array == grey).sum() in {28 * 19, 28 * 28}


def test_a_blank_page_is_an_empty_canvas() -> None:
    assert not shown(np.full((400, 300), 255, np.uint8)).any()
    assert not shown(np.full((1, 1), 255, np.uint8)).any()


def test_a_picture_without_a_subject_is_taken_whole() -> None:
    gradient = np.linspace(0, 255, 200 * 100).reshape(200, 100).astype(np.uint8)

    array = shown(gradient)

    assert not array[:, :7].any()
    assert np.all(np.diff(array[:, 14].astype(int)) > 0)


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)),
    st.sampled_from(["dark", "light"]),
    st.floats(0, 1, exclude_max=True),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_any_pixels_give_a_picture_of_the_models_shape(
    pixels: NDArray[np.uint8], background: Any, tolerance: float, size: tuple[int, int]
) -> None:
    spec = ImageSpec(*size, 1, subject=SubjectSpec(background, tolerance))

    array = decode(encoded(pixels), spec)

    assert (array.shape, array.dtype.name) == (spec.shape, "uint8")


def test_a_large_photo_is_shown_as_the_small_one() -> None:
    small = product("Dress")
    large = small.resize((2400, 3000), Image.Resampling.BICUBIC)

    assert difference(shown(large, kind="JPEG", quality=95), shown(small)) < 4
