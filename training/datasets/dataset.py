"""What a dataset is: labels, the picture's shape, and three parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec
from training.datasets.traits import Traits


@dataclass(frozen=True)
class Part:
    """Pictures and their classes.

    Attributes:
        images: uint8 [N, H, W, C]; of pictures in files a read-only np.memmap, of which only what is asked for is read.
        classes: int64 [N], indices into the dataset's labels.
        files: N names relative to the dataset's root, or none if the pictures were no files.
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.int64]
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, indices: NDArray[np.int64]) -> Part:
        """Only those pictures, in that order, in memory."""
        files = tuple(self.files[index] for index in indices) if self.files else ()
        return Part(self.images[indices], self.classes[indices], files)


@dataclass(frozen=True)
class Skipped:
    """A file that is no picture, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures, split.

    Attributes:
        name: Fit to be a model's name.
        labels: K class names.
        spec: The shape of every picture.
        train: What the weights are fitted to.
        validation: What is watched while they are.
        test: What the published figures are measured on.
        mirror: Whether a picture and its mirror image are of the same class.
        skipped: Files that could not be read.
        originals: A few test pictures as they lay on the disk, to compare the ways of decoding.
        empty: Class folders without a readable picture, which are no labels.
        notes: What a person should know of how the dataset was read, as sentences.
        traits: What was measured of each picture of the three parts when they were decoded, or nothing.
        digest: Of the pixels of all parts, where it is known without reading them.
    """

    name: str
    labels: tuple[str, ...]
    spec: ImageSpec
    train: Part
    validation: Part
    test: Part
    mirror: bool = True
    skipped: tuple[Skipped, ...] = ()
    originals: tuple[bytes, ...] = ()
    empty: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    traits: tuple[Traits, ...] = ()
    digest: str = ""

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}
