"""A run's test pictures with their right classes, loaded again, at the size that any version takes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec
from contract.images import decode
from training import datasets
from training.datasets.dataset import Dataset
from training.errors import DatasetError, RunError, TrainingError
from training.job import Job
from training.runs import Run


class CannotCompare(TrainingError):
    """Two versions cannot be measured on the same pictures."""


@dataclass(frozen=True)
class HeldOut:
    """The pictures that a run was tested on.

    Attributes:
        job: What was trained, on which data.
        dataset: That data, as the run trained on it.
    """

    job: Job
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
        if self.job.source in datasets.BUILT_IN:
            # The arrays are what a version is trained on: nothing is left to do but the size.
            plain = ImageSpec(spec.height, spec.width, spec.channels)
            return own.test.images if own.spec.shape == spec.shape else _resized(own.test.images, plain)
        if own.spec == spec:
            return own.test.images
        # From the files: enlarging what was made small for the one version would be unfair to the other.
        other = _load(self.job, spec)
        if not np.array_equal(other.test.classes, own.test.classes):
            raise CannotCompare(f"{self.job.source} is split otherwise for pictures of {spec.height}x{spec.width}")
        return other.test.images


def load_held_out(run: Run) -> HeldOut:
    """Loads the run's dataset as its training did.

    Raises:
        CannotCompare: The run does not tell where its data is, or the data is gone or another by now.
    """
    card = run.read_card()
    try:
        job, _ = Job.read(run)
    except RunError as error:
        raise CannotCompare(f"the run does not tell where its pictures are ({error})") from error
    dataset = _load(job, card.image)
    if dataset.labels != card.labels or not _is_the_same(dataset, run):
        raise CannotCompare(f"{job.source} has changed since the run: its test pictures are not those of the training")
    return HeldOut(job, dataset)


def _load(job: Job, spec: ImageSpec) -> Dataset:
    try:
        if job.source in datasets.BUILT_IN:
            return datasets.load(job.source, seed=job.seed)
        split = None if job.split is None else Path(job.split)
        return datasets.load(job.source, spec=spec, seed=job.seed, split=split)
    except (DatasetError, OSError) as error:
        raise CannotCompare(f"the run's pictures cannot be read any more ({error})") from error


def _is_the_same(dataset: Dataset, run: Run) -> bool:
    """Whether it has as many pictures as then, and among them those that the run kept."""
    counts = {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)}
    if counts != run.read_report().get("counts"):
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
