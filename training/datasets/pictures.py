"""A folder, zip or tar of class folders -> a dataset, decoded once into the cache.

What cannot be read is listed and left out; a class without a readable picture is left out likewise.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np
import PIL
from numpy.typing import NDArray

from contract import eight_bit, images, png, subject
from contract.card import ImageSpec
from training.datasets import entry
from training.datasets.cache import Cache
from training.datasets.dataset import Dataset, Skipped
from training.datasets.decoding import decode_files
from training.datasets.layout import PART_NAMES, SPLIT_FILE, Layout, Placed, apply_split, lay_out
from training.datasets.source import Source, open_source, state
from training.datasets.spec import PartialSpec, choose_spec, describe
from training.datasets.split import stratified
from training.datasets.split_file import read_split
from training.errors import DatasetError

MIN_PER_CLASS = 3
ORIGINALS = 16
_SHARE = 0.15
# More pictures than these measure hardly better, and teach more if they are trained on.
_ENOUGH = 5000
_SHOWN = 10
# Raised when the same files become another entry: another layout on the disk, or another way of splitting.
_FORMAT = 2
_DECODER = (images, eight_bit, png, subject)


@dataclass(frozen=True)
class Request:
    """Which pictures, and how.

    Attributes:
        path: A folder, zip or tar.
        name: The dataset's.
        spec: What each picture becomes.
        seed: Decides which pictures fall into which part, as far as folders and split file do not.
        split: A split file; that in the dataset's own root if None and there is one.
    """

    path: Path
    name: str
    spec: ImageSpec | PartialSpec
    seed: int
    split: Path | None = None


def load_pictures(request: Request, cache: Cache, out: TextIO | None = None) -> Dataset:
    """The dataset, from the cache if it was decoded before.

    Args:
        request: What is wanted.
        cache: Where decoded pictures are kept.
        out: Is told how far the decoding is.

    Raises:
        DatasetError: Nothing readable, fewer than two classes, too few pictures of one, or no room on the disk.
    """
    key = _key(request)
    found = cache.find(key, entry.is_whole) or cache.build(key, lambda folder: _write(folder, request, cache, out))
    dataset = entry.read(found, request.name)
    return replace(dataset, spec=request.spec) if isinstance(request.spec, ImageSpec) else dataset


def _key(request: Request) -> str:
    """Changes with the files, with what is made of them, and with the code that makes it."""
    split = request.split.read_bytes().hex() if request.split else ""
    # By their sources: the decoder's behaviour has no version number.
    decoder = [*(inspect.getsource(module) for module in _DECODER), PIL.__version__]
    how = [_FORMAT, decoder, describe(request.spec), request.seed, split, sys.byteorder]
    return hashlib.blake2b(json.dumps([how, state(request.path)]).encode(), digest_size=16).hexdigest()


def _write(folder: Path, request: Request, cache: Cache, out: TextIO | None) -> None:
    with open_source(request.path) as source:
        layout, skipped = _laid_out(source, request.split)
        spec, notes = choose_spec(request.spec, source, tuple(placed.file for placed in layout.placed))
        # Twice, for the order of the parts is known only when all is decoded.
        cache.check_room(2 * len(layout.placed) * spec.height * spec.width * spec.channels)
        decoded = _decode(folder, source, layout.placed, spec, out)
        labels = _labels(decoded.placed, layout, request.path)
        parts = _parts(decoded.placed, labels, request)
        rows = decoded.rows(labels)
        originals = _originals(source, [decoded.placed[index] for index in parts[2]])
        about = entry.About(
            labels=labels,
            spec=spec,
            skipped=(*decoded.skipped, *skipped, *layout.loose),
            empty=tuple(label for label in layout.labels if label not in labels),
            notes=notes,
        )
        entry.write(folder, rows, parts, about, originals)
        decoded.path.unlink()


def _laid_out(source: Source, split: Path | None) -> tuple[Layout, tuple[Skipped, ...]]:
    """Classes and parts by the folders' names, the parts by a split file if there is one."""
    layout = lay_out(source.files, source.folders)
    own = f"{layout.root}/{SPLIT_FILE}" if layout.root else SPLIT_FILE
    file = next((file for file in source.files if file.name == own), None)
    if split is not None:
        name, data = str(split), split.read_bytes()
    elif file is not None:
        name, data = file.name, source.read(file)
    else:
        return layout, ()
    by_file, skipped = apply_split(layout, read_split(data, name), name)
    if "train" not in by_file.parts:
        example = layout.placed[0].file.name if layout.placed else "glass/1.jpg"
        raise DatasetError(
            f"Expected in {name} the names of files to train on, such as {example}. Received: none that is there"
        )
    return by_file, skipped


@dataclass(frozen=True)
class _Decoded:
    """The readable pictures, in a file of their own in the order of their names."""

    path: Path
    placed: list[Placed]
    sizes: list[tuple[int, int]]
    forms: list[str]
    skipped: list[Skipped]

    def rows(self, labels: Sequence[str]) -> entry.Rows:
        index = {label: number for number, label in enumerate(labels)}
        return entry.Rows(
            pixels=np.load(self.path, mmap_mode="r"),
            files=[placed.file.name for placed in self.placed],
            classes=np.array([index[placed.label] for placed in self.placed], np.int64),
            sizes=np.array(self.sizes, np.int32),
            forms=self.forms,
        )


def _decode(folder: Path, source: Source, placed: Sequence[Placed], spec: ImageSpec, out: TextIO | None) -> _Decoded:
    decoded = _Decoded(folder / "decoded.npy", [], [], [], [])
    pictures = decode_files(source, [one.file for one in placed], spec, out)
    with entry.NpyFile(decoded.path, spec.shape) as file, closing(pictures):
        for one, picture in zip(placed, pictures, strict=True):
            if isinstance(picture, Skipped):
                decoded.skipped.append(picture)
                continue
            file.append(picture.pixels[None])
            decoded.placed.append(one)
            decoded.sizes.append(picture.size)
            decoded.forms.append(picture.form)
    return decoded


def _labels(placed: Sequence[Placed], layout: Layout, path: Path) -> tuple[str, ...]:
    """The classes that have pictures, which all must have some to train on."""
    labels = sorted({one.label for one in placed if one.part == "train"})
    if len(labels) < 2:
        beside = f"; {len(layout.loose)} pictures lie in no class folder" if layout.loose else ""
        raise DatasetError(
            f"Expected at least 2 folders of pictures in {path}, one a class. Received: {labels}{beside}"
        )
    for part in PART_NAMES:
        unknown = sorted({one.label for one in placed if one.part == part} - set(labels))
        if unknown:
            raise DatasetError(f"Expected in {part} the classes of train. Received, of {path}, also: {unknown}")
    return tuple(labels)


def _parts(placed: Sequence[Placed], labels: Sequence[str], request: Request) -> list[NDArray[np.int64]]:
    """The indices of train, validation and test; what nothing else says is taken from train by the seed."""
    given = {part: [index for index, one in enumerate(placed) if one.part == part] for part in PART_NAMES}
    train = np.array(given["train"], np.int64)
    index = {label: number for number, label in enumerate(labels)}
    classes = np.array([index[one.label] for one in placed], np.int64)
    missing = [part for part in ("test", "validation") if not given[part]]
    _check_counts(classes[train], labels, MIN_PER_CLASS - 2 + len(missing), request.path)
    taken = {part: np.array(indices, np.int64) for part, indices in given.items()}
    for part in missing:
        kept, out = stratified(classes[train], min(_SHARE, _ENOUGH / len(train)), request.seed)
        train, taken[part] = train[kept], train[out]
    return [train, taken["validation"], taken["test"]]


def _check_counts(classes: NDArray[np.int64], labels: Sequence[str], least: int, path: Path) -> None:
    counts = np.bincount(classes, minlength=len(labels))
    few = [f"{label} ({count})" for label, count in zip(labels, counts, strict=True) if count < least]
    if few:
        more = f" and {len(few) - _SHOWN} more classes" if len(few) > _SHOWN else ""
        raise DatasetError(
            f"Expected at least {least} readable pictures a class to train on in {path}. "
            f"Received: {', '.join(few[:_SHOWN])}{more}"
        )


def _originals(source: Source, placed: Sequence[Placed]) -> list[bytes]:
    """A few files, spread over all classes (they are sorted by class)."""
    step = max(1, len(placed) // ORIGINALS)
    return [source.read(one.file) for one in placed[::step][:ORIGINALS]]
