"""Thousands of damaged files of every format: an array or an `ImageError`, and nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec, SubjectSpec
from contract.images import FORMATS, ImageError, decode, decode_if_quick, is_heavy
from tests.contract.pictures import encoded, smooth

ROUNDS = 100
SPECS = [ImageSpec(8, 8), ImageSpec(28, 28, 1, subject=SubjectSpec()), ImageSpec(20, 30, 3, "crop")]
TURNED = Image.Exif()
TURNED[0x0112] = 6
PICTURE = Image.fromarray(smooth(30, 40))
MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["L", "P"],
    "BMP": ["1", "P", "RGB"],
    "TIFF": ["1", "L", "RGB", "RGBA", "CMYK", "LAB", "F"],
    "AVIF": ["RGB", "RGBA"],
}


def whole(kind: str, mode: str) -> bytes:
    picture = Image.new("LAB", (40, 30), (99, 9, 9)) if mode == "LAB" else PICTURE.convert("L" if ";" in mode else mode)
    options = {} if kind in {"GIF", "BMP"} else {"exif": TURNED.tobytes()}
    return encoded(picture.convert(mode), kind, **options)


def damaged(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Cut off, with a piece of another file, or with a few bytes changed, half of the time near the start."""
    changed = bytearray(data)
    what = chance.random()
    if what < 0.15:
        return data[: chance.randrange(len(data))]
    if what < 0.3:
        at, start, length = chance.randrange(len(data)), chance.randrange(len(other)), chance.randrange(400)
        changed[at : at + chance.choice([0, length])] = other[start : start + length]
        return bytes(changed)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(min(len(changed), chance.choice([64, 400, 1 << 20])))
        changed[at] = chance.choice([0, 1, 127, 128, 255, changed[at] ^ 1 << chance.randrange(8)])
    return bytes(changed)


def tried(data: bytes, spec: ImageSpec) -> NDArray[np.uint8] | ImageError:
    """What becomes of it, which is the same where it is quick."""
    try:
        is_heavy(data)
        quick = decode_if_quick(data, spec, max_pixels=1_000_000)
        array = decode(data, spec, max_pixels=1_000_000)
    except ImageError as error:
        return error
    assert quick is None or np.array_equal(quick, array)
    return array


# Pillow warns of some damages, as a user's interpreter does not show; here they would count as errors.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_file_gives_an_array_or_an_image_error(kind: str) -> None:
    chance = random.Random(kind)
    files = [whole(kind, mode) for mode in MODES[kind]]
    outcomes = set()
    for round_ in range(ROUNDS * len(files)):
        data = damaged(files[round_ % len(files)], chance.choice(files), chance)
        spec = chance.choice(SPECS)
        outcome = tried(data, spec)
        if isinstance(outcome, ImageError):
            assert 10 < len(str(outcome)) < 300
        else:
            assert (outcome.dtype.name, outcome.shape) == ("uint8", spec.shape)
        outcomes.add(type(outcome).__name__)
    assert {"ndarray", "CorruptImage", "UnsupportedImage"} <= outcomes
