"""A run's test pictures with their right classes, loaded again, at the size that any version takes."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import decode
from training import datasets
from training.datasets.dataset import Dataset
from training.errors import DatasetError, TrainingError
from training.runs import Run


class CannotCompare(TrainingError):
    """Two versions cannot be measured on the same pictures."""


@dataclass(frozen=True)
class HeldOut:
    """The pictures that a run was tested on.

    Attributes:
        source: The name or path of the dataset.
        seed: Of its split.
        dataset: As the run trained on it.
    """

    source: str
    seed: int
    dataset: Dataset

    @property
    def classes(self) -> NDArray[np.int64]:
        """int64 [N], the right ones, as indices into the dataset's labels."""
        return self.dataset.test.classes

    def images(self, spec: ImageSpec) -> NDArray[np.uint8]:
        """The pictures uint8 [N, H, W, C] as a version with that card takes them.

        Raises:
            CannotCompare: The files cannot be read at that size.
        """
        own = self.dataset
        if self.source in datasets.BUILT_IN:
            # The arrays are what a version is trained on: nothing is left to do but the size.
            plain = ImageSpec(spec.height, spec.width, spec.channels)
            return own.test.images if own.spec.shape == spec.shape else _resized(own.test.images, plain)
        if own.spec == spec:
            return own.test.images
        # From the files: enlarging what was made small for the one version would be unfair to the other.
        other = _load(self.source, spec, self.seed)
        if not np.array_equal(other.test.classes, own.test.classes):
            raise CannotCompare(f"{self.source} is split otherwise for pictures of {spec.height}x{spec.width}")
        return other.test.images


def load_held_out(run: Run) -> HeldOut:
    """Loads the run's dataset as its training did.

    Raises:
        CannotCompare: The run does not tell where its data is, or the data is gone or another by now.
    """
    path, card = run.folder / "settings.json", run.read_card()
    try:
        source = json.loads(path.read_text(encoding="utf-8"))["dataset"]
        name, seed = str(source["source"]), int(source["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotCompare(f"{path.name} of the run does not tell where its pictures are ({error!r})") from error
    dataset = _load(name, None if name in datasets.BUILT_IN else card.image, seed)
    if dataset.labels != card.labels or not _is_the_same(dataset, run):
        raise CannotCompare(f"{name} has changed since the run: its test pictures are not those of the training")
    return HeldOut(name, seed, dataset)


def _load(source: str, spec: ImageSpec | None, seed: int) -> Dataset:
    try:
        return datasets.load(source, spec=spec, seed=seed)
    except (DatasetError, OSError) as error:
        raise CannotCompare(f"the run's pictures cannot be read any more ({error})") from error


def _is_the_same(dataset: Dataset, run: Run) -> bool:
    """Whether it has as many pictures as then, and among them those that the run kept."""
    counts: dict[str, Any] = run.read_report().get("counts", {})
    if {part: len(getattr(dataset, part)) for part in ("train", "validation", "test")} != counts:
        return False
    kept = {pixels.tobytes() for pixels in np.load(run.test_images)}
    kept.difference_update(pixels.tobytes() for pixels in dataset.test.images)
    return not kept


def _resized(images: NDArray[np.uint8], spec: ImageSpec) -> NDArray[np.uint8]:
    """As the one decoder does it: uint8 [N, h, w, c] -> uint8 [N, H, W, C]."""
    return np.stack([decode(_as_png(pixels), spec) for pixels in images])


def _as_png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
