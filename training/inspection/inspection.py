"""What a dataset holds, as figures and a few pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.datasets.dataset import Dataset, Part, Skipped
from training.datasets.traits import Traits, measure
from training.inspection.duplicates import exact_groups, near_groups

SAMPLED_CLASSES = 24
SAMPLES_PER_CLASS = 8
Size = tuple[int, int]


@dataclass(frozen=True)
class Picture:
    """Where a picture is: its file's name (or its part and place in it), its part, its label."""

    file: str
    part: str
    label: str


@dataclass(frozen=True)
class Duplicates:
    """Pictures that are one and the same, or nearly.

    Attributes:
        kind: ``exact``: the same pixels; ``near``: the same picture to the eye.
        pictures: At least two.
    """

    kind: Literal["exact", "near"]
    pictures: tuple[Picture, ...]

    @property
    def across_parts(self) -> bool:
        """Whether the model would be tested on what it was trained on, or the like."""
        return len({picture.part for picture in self.pictures}) > 1

    @property
    def labels_differ(self) -> bool:
        """Whether at least one of them has a wrong label, or two classes overlap."""
        return len({picture.label for picture in self.pictures}) > 1


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        name: The dataset's.
        counts: Pictures by label and part.
        sizes: ``smallest``, ``median`` and ``largest`` width and height in the files.
        formats: Files by format; empty if the pictures were no files.
        skipped: Files that are no pictures.
        empty: Class folders without a readable picture.
        duplicates: The gravest first: labels that differ, then across parts.
        samples: Labels and, of each, uint8 [n, H, W, C] training pictures.
    """

    name: str
    counts: dict[str, dict[str, int]]
    sizes: dict[str, Size]
    formats: dict[str, int]
    skipped: tuple[Skipped, ...]
    empty: tuple[str, ...]
    duplicates: tuple[Duplicates, ...]
    samples: tuple[tuple[str, NDArray[np.uint8]], ...]


def inspect(dataset: Dataset) -> Inspection:
    """Looks at a dataset. Takes seconds: pictures in files were measured when they were decoded."""
    traits = dataset.traits or tuple(measure(part.images) for part in dataset.parts.values())
    return Inspection(
        name=dataset.name,
        counts=_counts(dataset),
        sizes=_sizes(dataset, traits),
        formats=dict(Counter(form for one in traits for form in one.formats).most_common()),
        skipped=dataset.skipped,
        empty=dataset.empty,
        duplicates=_duplicates(dataset, traits),
        samples=_samples(dataset),
    )


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    rows = {
        name: np.bincount(part.classes, minlength=len(dataset.labels)).tolist() for name, part in dataset.parts.items()
    }
    return {label: {name: row[index] for name, row in rows.items()} for index, label in enumerate(dataset.labels)}


def _sizes(dataset: Dataset, traits: Sequence[Traits]) -> dict[str, Size]:
    measured = [one.sizes for one in traits if one.sizes is not None]
    sizes = np.concatenate([*measured]) if measured else np.array([[dataset.spec.width, dataset.spec.height]])
    areas = sizes.astype(np.int64).prod(axis=1)
    found = {
        "smallest": sizes[areas.argmin()],
        "median": np.median(sizes, axis=0).astype(np.int64),
        "largest": sizes[areas.argmax()],
    }
    return {name: (int(size[0]), int(size[1])) for name, size in found.items()}


def _duplicates(dataset: Dataset, traits: Sequence[Traits]) -> tuple[Duplicates, ...]:
    hashes = np.concatenate([one.hashes for one in traits])
    thumbnails = np.concatenate([one.thumbnails for one in traits])
    pictures = _Pictures(dataset)
    found = [Duplicates("exact", pictures.at(group)) for group in exact_groups(hashes)]
    found += [Duplicates("near", pictures.at(group)) for group in near_groups(hashes, thumbnails)]
    return tuple(sorted(found, key=lambda one: (not one.labels_differ, not one.across_parts)))


class _Pictures:
    """Finds pictures by their place in all three parts, one after the other."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._parts = list(dataset.parts.items())
        self._ends = np.cumsum([len(part) for _, part in self._parts])

    def at(self, places: NDArray[np.int64]) -> tuple[Picture, ...]:
        """The pictures at these places."""
        return tuple(self._one(int(place)) for place in places)

    def _one(self, place: int) -> Picture:
        number = int(np.searchsorted(self._ends, place, side="right"))
        name, part = self._parts[number]
        index = place - (int(self._ends[number]) - len(part))
        file = part.files[index] if part.files else f"{name} {index}"
        return Picture(file, name, self._dataset.labels[part.classes[index]])


def _samples(dataset: Dataset) -> tuple[tuple[str, NDArray[np.uint8]], ...]:
    """Of up to 24 classes from all over the list, up to 8 training pictures from all over each."""
    count = len(dataset.labels)
    classes = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_CLASSES)).astype(np.int64))
    return tuple((dataset.labels[index], _some(dataset.train, int(index))) for index in classes)


def _some(part: Part, index: int) -> NDArray[np.uint8]:
    members = np.flatnonzero(part.classes == index)
    chosen = np.unique(np.linspace(0, len(members) - 1, min(len(members), SAMPLES_PER_CLASS)).astype(np.int64))
    return np.asarray(part.images[members[chosen]])
