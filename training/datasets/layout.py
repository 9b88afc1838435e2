"""What the names of files say: which class a picture is of, and which part of the dataset it belongs to.

Every folder with files in it is a class, named by its path (``shoe/boot``). Folders named train, validation and test at
the top are the parts. A single folder around all that is looked through.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from training.datasets.dataset import Skipped
from training.datasets.source import File

PART_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
SPLIT_FILE = "split.csv"
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")


@dataclass(frozen=True)
class Placed:
    """A file with its class and its part."""

    file: File
    label: str
    part: str


@dataclass(frozen=True)
class Layout:
    """What a dataset's files are.

    Attributes:
        root: The folder that holds the classes or parts, below the source's root; empty if it is that itself.
        placed: The files of classes, sorted by name.
        labels: Of all class folders, also of those without files, sorted.
        loose: Pictures that lie in no class folder.
    """

    root: str
    placed: tuple[Placed, ...]
    labels: tuple[str, ...]
    loose: tuple[Skipped, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that have files; only ``train`` where nothing says otherwise."""
        return tuple(part for part in PART_NAMES if any(placed.part == part for placed in self.placed))


def lay_out(files: Sequence[File], folders: Iterable[str]) -> Layout:
    """Reads classes and parts off the names."""
    everywhere = {parent for name in [*(file.name for file in files), *folders] for parent in _parents(name)}
    everywhere |= set(folders)
    root = _unwrapped(everywhere)
    parts = _part_folders(root, everywhere, files)
    placed: list[Placed] = []
    loose: list[Skipped] = []
    for file in files:
        home, part = _home(file.name, root, parts)
        label = "" if home is None else posixpath.dirname(_below(file.name, home))
        if label:
            placed.append(Placed(file, label, part))
        elif file.name.lower().endswith(_PICTURES):
            loose.append(Skipped(file.name, "lies in no class folder"))
    empty = {_below(folder, home) for home in parts or [root] for folder in _leaves(everywhere) if _is_in(folder, home)}
    labels = {one.label for one in placed} | (empty - {""})
    return Layout(root, tuple(placed), tuple(sorted(labels)), tuple(loose))


def apply_split(layout: Layout, parts: Mapping[str, str], source: str) -> tuple[Layout, tuple[Skipped, ...]]:
    """The layout with the parts of a split file in place of its own, and the files that it gives no part.

    Args:
        layout: As the folders have it.
        parts: File name (below the source's root or the layout's) to part.
        source: The split file's name, for the reason.
    """
    placed: list[Placed] = []
    skipped: list[Skipped] = []
    for one in layout.placed:
        part = parts.get(one.file.name) or parts.get(_below(one.file.name, layout.root))
        if part is None:
            skipped.append(Skipped(one.file.name, f"has no line in {source}"))
        else:
            placed.append(Placed(one.file, one.label, part))
    return Layout(layout.root, tuple(placed), layout.labels, layout.loose), tuple(skipped)


def _parents(name: str) -> Iterable[str]:
    while name := posixpath.dirname(name):
        yield name


def _is_in(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _below(name: str, folder: str) -> str:
    return name[len(folder) + 1 :] if folder else name


def _children(folder: str, everywhere: Iterable[str]) -> list[str]:
    return sorted(name for name in everywhere if posixpath.dirname(name) == folder)


def _leaves(everywhere: set[str]) -> set[str]:
    return everywhere - {posixpath.dirname(name) for name in everywhere}


def _unwrapped(everywhere: set[str]) -> str:
    """The root, or the one folder that it holds if that holds folders in turn."""
    root = ""
    while True:
        inside = _children(root, everywhere)
        if len(inside) != 1 or not _children(inside[0], everywhere):
            return root
        root = inside[0]


def _part_folders(root: str, everywhere: set[str], files: Sequence[File]) -> dict[str, str]:
    """Folder to part, for those with class folders that hold files; none unless there is one to train on."""
    found: dict[str, str] = {}
    for part, names in PART_NAMES.items():
        for folder in _children(root, everywhere):
            in_classes = (posixpath.dirname(_below(file.name, folder)) for file in files if _is_in(file.name, folder))
            if posixpath.basename(folder).lower() in names and any(in_classes):
                found[folder] = part
    return found if "train" in found.values() else {}


def _home(name: str, root: str, parts: Mapping[str, str]) -> tuple[str | None, str]:
    """The folder below which the file's path is its label, and the part; None for what lies beside the parts."""
    if not parts:
        return (root if _is_in(name, root) else None), "train"
    return next(((folder, part) for folder, part in parts.items() if _is_in(name, folder)), (None, ""))
