"""Duplicates: the same pixels, and the same picture after it was compressed, scaled or brightened; and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from training import datasets
from training.datasets.traits import Traits, measure
from training.inspection.duplicates import exact_groups, near_groups

Images = NDArray[np.uint8]


def scene(seed: int) -> Image.Image:
    """A made-up picture of a few soft blobs of colour, 64 x 64."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)


def compressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


def scaled(picture: Image.Image) -> Image.Image:
    return picture.resize((40, 50)).resize((64, 64))


def brightened(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(1.08)).enhance(0.9)


def near(images: Images) -> list[list[int]]:
    traits: Traits = measure(images)
    return [group.tolist() for group in near_groups(traits.hashes, traits.thumbnails)]


def test_equal_pictures_are_one_group() -> None:
    images = np.stack([np.asarray(scene(seed)) for seed in (0, 1, 2, 1, 0, 1)])
    assert [group.tolist() for group in exact_groups(measure(images).hashes)] == [[0, 4], [1, 3, 5]]
    assert near(images) == []


# Few are compared as they are, many after whitening.
@pytest.mark.parametrize("count", [6, 40, 1500])
def test_changed_copies_are_found_among_few_and_many_and_nothing_else(count: int) -> None:
    pictures = [scene(seed) for seed in range(count)]
    copies = [compressed(pictures[0]), scaled(pictures[1]), brightened(pictures[2])]
    images = np.stack([np.asarray(picture) for picture in (*pictures, *copies)])
    assert near(images) == [[0, count], [1, count + 1], [2, count + 2]]


def test_plain_pictures_are_not_near_duplicates_of_each_other() -> None:
    rng = np.random.default_rng(0)
    images = np.clip(128 + rng.integers(-4, 5, (50, 32, 32, 3)), 0, 255).astype(np.uint8)
    assert near(images) == []
    assert near(images[:1]) == []


def test_a_set_of_nothing_but_changed_copies_is_one_group() -> None:
    base = np.asarray(scene(0)).astype(np.int16)
    rng = np.random.default_rng(1)
    images = np.clip(base + rng.integers(-3, 4, (300, *base.shape)), 0, 255).astype(np.uint8)
    assert near(images) == [list(range(300))]


def test_handwritten_digits_raise_hardly_an_alarm() -> None:
    dataset = datasets.load("digits")
    images = np.concatenate([part.images for part in dataset.parts.values()])
    assert len(near(images)) < 5


def test_small_and_narrow_pictures_have_traits_too() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 40, 1), np.uint8)
    traits = measure(images)
    assert traits.thumbnails.shape == (5, 3, 16, 1)
    assert traits.thumbnails.mean() == pytest.approx(images.mean(), abs=1)
