"""A folder of class folders: every directory with files in it is a class, named by its path (``shoe/boot``).

Folders named train, validation and test at the top are the parts; otherwise the pictures are split by class. Files that
are no pictures are listed and left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from contract.card import ImageSpec
from contract.images import ImageError, decode
from training.datasets.dataset import Dataset, Part, Skipped
from training.datasets.split import stratified
from training.errors import DatasetError

MIN_PER_CLASS = 3
ORIGINALS = 16
_SHARE = 0.15
_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_File = tuple[Path, str]


def load_folder(folder: Path, *, name: str, spec: ImageSpec, seed: int) -> Dataset:
    """The pictures of a folder, decoded.

    Args:
        folder: Has a folder for each class, or train/validation/test folders that do; or one folder that does.
        name: The dataset's name.
        spec: What each picture becomes.
        seed: Decides which pictures fall into which part, as far as the folders do not.

    Raises:
        DatasetError: Fewer than two classes, or a class with too few readable pictures.
    """
    root = _unwrapped(folder)
    parts = {part: found for part in _PARTS if (found := _part_folder(root, part))}
    if "train" not in parts:
        parts = {"train": root}
    files = {part: _class_files(found) for part, found in parts.items()}
    labels = _labels(files, folder)
    reader = _Reader(folder, labels, spec)
    read = {part: reader.read(found) for part, found in files.items()}
    _check_counts(read["train"][0], labels, MIN_PER_CLASS + 1 - len(read), folder)
    train, validation, test, test_files = _split(read, seed)
    return Dataset(
        name=name,
        labels=labels,
        spec=spec,
        train=train,
        validation=validation,
        test=test,
        skipped=tuple(reader.skipped),
        originals=_originals(test_files),
    )


class _Reader:
    """Decodes files in parallel and remembers those that are no pictures."""

    def __init__(self, root: Path, labels: tuple[str, ...], spec: ImageSpec) -> None:
        self.skipped: list[Skipped] = []
        self._root, self._spec = root, spec
        self._index = {label: index for index, label in enumerate(labels)}

    def read(self, files: Sequence[_File]) -> tuple[Part, list[Path]]:
        images = np.empty((len(files), *self._spec.shape), np.uint8)

        def read_one(position: int) -> str | None:
            try:
                images[position] = decode(files[position][0].read_bytes(), self._spec)
            except (ImageError, OSError) as error:
                return str(error)
            return None

        # Pillow releases the interpreter's lock while it decodes and resizes.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = list(pool.map(read_one, range(len(files))))
        good = np.array([position for position, problem in enumerate(problems) if problem is None], np.int64)
        for (path, _), problem in zip(files, problems, strict=True):
            if problem is not None:
                self.skipped.append(Skipped(path.relative_to(self._root).as_posix(), problem))
        classes = np.array([self._index[label] for _, label in files], np.int64)
        names = tuple(path.relative_to(self._root).as_posix() for path, _ in files)
        return Part(images, classes, names).take(good), [files[position][0] for position in good]


def _split(read: dict[str, tuple[Part, list[Path]]], seed: int) -> tuple[Part, Part, Part, list[Path]]:
    """The three parts and the files of the third; what the folders do not give is taken from the first."""
    train, files = read["train"]
    if "test" in read:
        test, test_files = read["test"]
    else:
        kept, taken = stratified(train.classes, _SHARE, seed)
        test, test_files = train.take(taken), [files[index] for index in taken]
        train = train.take(kept)
    if "validation" in read:
        return train, read["validation"][0], test, test_files
    kept, taken = stratified(train.classes, _SHARE, seed)
    return train.take(kept), train.take(taken), test, test_files


def _unwrapped(folder: Path) -> Path:
    """The folder itself, or the one folder that it holds if that holds folders in turn."""
    while True:
        inside = _folders(folder)
        if len(inside) != 1 or not _folders(inside[0]):
            return folder
        folder = inside[0]


def _part_folder(root: Path, part: str) -> Path | None:
    return next((path for path in _folders(root) if path.name.lower() in _PARTS[part]), None)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_hidden(path))


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "__MACOSX"))


def _class_files(root: Path) -> list[_File]:
    """Every file with its class, sorted, so that the split does not hang on the order of the disk."""
    found: list[_File] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not _is_hidden(Path(name))]
        here = Path(folder)
        if here != root:
            label = here.relative_to(root).as_posix()
            found += [(here / name, label) for name in names if not _is_hidden(Path(name))]
    return sorted(found)


def _labels(files: dict[str, list[_File]], folder: Path) -> tuple[str, ...]:
    labels = sorted({label for _, label in files["train"]})
    if len(labels) < 2:
        raise DatasetError(f"Expected at least 2 folders of pictures in {folder}, one a class. Received: {labels}")
    for part, found in files.items():
        unknown = sorted({label for _, label in found} - set(labels))
        if unknown:
            raise DatasetError(f"Expected in {part} the classes of train. Received, of {folder}, also: {unknown}")
    return tuple(labels)


def _check_counts(train: Part, labels: tuple[str, ...], least: int, folder: Path) -> None:
    counts = np.bincount(train.classes, minlength=len(labels))
    few = [f"{label} ({count})" for label, count in zip(labels, counts, strict=True) if count < least]
    if few:
        raise DatasetError(
            f"Expected at least {least} readable pictures a class to train on in {folder}. Received: {', '.join(few)}"
        )


def _originals(files: list[Path]) -> tuple[bytes, ...]:
    """A few files, spread over all classes (they are sorted by class)."""
    step = max(1, len(files) // ORIGINALS)
    return tuple(path.read_bytes() for path in files[::step][:ORIGINALS])
