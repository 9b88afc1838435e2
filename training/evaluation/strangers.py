"""Pictures of another set, as the model would get them if a user sent them: at most 1,000, the same ones every time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import ImageError, decode
from training import datasets
from training.datasets.source import open_source
from training.errors import EvaluationError

PATCHES = "photo_patches"
_MOST = 1000
_PATCH_SIDES = (32, 128)
_SEED = 0


def default_strangers(dataset: str) -> str:
    """Which other set a dataset of that name is measured against: digits, or for digits patches of two photos."""
    return PATCHES if dataset == "digits" else "digits"


def load_strangers(source: str, spec: ImageSpec) -> NDArray[np.uint8]:
    """Pictures of another set: uint8 [M, spec.height, spec.width, spec.channels].

    Args:
        source: A built-in dataset, `PATCHES` (of scikit-learn's photos of a temple and a flower), or the path of a
            folder or archive with pictures anywhere in it.
        spec: How the model takes pictures.

    Raises:
        DatasetError: No such set.
        EvaluationError: No readable picture in it.
    """
    if source == PATCHES:
        return _decoded(_as_png, list(_patches()), spec)
    if source in datasets.BUILT_IN:
        images = datasets.load(source).test.images
        return _decoded(_as_png, [images[index] for index in _chosen(len(images))], spec)
    path = Path(source).expanduser()
    if not path.exists():
        names = ", ".join((*datasets.BUILT_IN, PATCHES))
        raise EvaluationError(f"Expected {names}, or a folder, zip or tar of pictures. Received: {source!r}")
    with open_source(path) as files:
        found = _decoded(files.read, [files.files[index] for index in _chosen(len(files.files))], spec)
    if not len(found):
        raise EvaluationError(f"Expected pictures in {source}. Received: none that can be read")
    return found


def _chosen(count: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(_SEED).permutation(count)[:_MOST])


def _decoded(read: Callable[[Any], bytes], wanted: list[Any], spec: ImageSpec) -> NDArray[np.uint8]:
    """Through the decoder that the gateway uses; what is no picture is left out. Pillow decodes without the GIL."""

    def pixels(one: Any) -> NDArray[np.uint8] | None:
        try:
            return decode(read(one), spec)
        except (ImageError, OSError):
            return None

    with ThreadPoolExecutor() as pool:
        found = [array for array in pool.map(pixels, wanted) if array is not None]
    return np.stack(found) if found else np.empty((0, *spec.shape), np.uint8)


def _as_png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _patches() -> Iterator[NDArray[np.uint8]]:
    """Squares of many sizes, cut anywhere out of the two photos that are part of scikit-learn."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(_SEED)
    photos = load_sample_images().images
    for number in range(_MOST):
        photo = photos[number % len(photos)]
        side = int(rng.integers(*_PATCH_SIDES))
        top, left = (int(rng.integers(0, size - side + 1)) for size in photo.shape[:2])
        yield photo[top : top + side, left : left + side]
