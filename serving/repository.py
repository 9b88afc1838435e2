"""The model repository on disk: ``<root>/<name>/<version>/`` holds a SavedModel and, beside its graph, its card."""

from __future__ import annotations

import filecmp
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

from contract import versions
from contract.card import ModelCard
from contract.versions import PublishError, check_name, is_name, version_numbers
from serving.saved_model import GRAPHS

CARD = Path("assets.extra", "card.json")
# Not a number, so neither a model server nor anybody else takes it for a version.
_REMOVED = ".removed-"


class ModelRepository:
    """The models and versions in a folder. Reads the disk at every call and keeps nothing."""

    def __init__(self, root: Path) -> None:
        """`root` need not exist yet: a repository without models."""
        self.root = root

    def models(self) -> list[str]:
        """The names of all models with at least one version, sorted."""
        if not self.root.is_dir():
            return []
        # Whatever else lies there, under a name that no model has, is somebody else's.
        return sorted(path.name for path in self.root.iterdir() if is_name(path.name) and version_numbers(path))

    def versions(self, name: str) -> list[int]:
        """The versions of a model, ascending; none where the model is not there."""
        return version_numbers(self.root / check_name(name))

    def path(self, name: str, version: int) -> Path:
        """Where a version lies. A folder such as ``007`` counts as version 7, as TensorFlow Serving reads it."""
        model_dir = self.root / check_name(name)
        exact = model_dir / str(version)
        if exact.is_dir():
            return exact
        padded = (path for path in model_dir.glob(f"0*{version}") if path.name.isdigit() and int(path.name) == version)
        return next(padded, exact)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def where(self, name: str, version: int) -> str:
        """The folder of a version."""
        return str(self.path(name, version))

    def incomplete(self, name: str) -> list[int]:
        """None: what has a number was renamed to it when it was whole, or was copied here by hand."""
        check_name(name)
        return []

    def manifest(self, name: str, version: int) -> None:
        """None is written: a rename is all or nothing."""

    def files(self, name: str, version: int) -> dict[str, int]:
        """Every file of a version: its path inside it, ``/`` between folders, and its size in bytes."""
        folder = self.path(name, version)
        return {file.as_posix(): (folder / file).stat().st_size for file in sorted(_files(folder))}

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of one of a version's files. Raises FileNotFoundError where there is none."""
        return (self.path(name, version) / file).read_bytes()

    def card(self, name: str, version: int) -> ModelCard | None:
        """The card of a version, None where it has none.

        Raises:
            CardError: There is one, and it cannot be understood.
        """
        return read_card(self.path(name, version))

    def add(self, name: str, source: Path) -> int:
        """Copies a SavedModel in as the next version of a model, whole or not at all.

        Returns:
            The version's number, also written into its card.

        Raises:
            PublishError: `source` is no SavedModel, or `name` is not a model name.
            CardError: The card in `source` cannot be understood.
        """
        check_saved_model(source)
        card = read_card(source)
        with versions.publishing(self.root, name) as (staging, version):
            shutil.copytree(source, staging, dirs_exist_ok=True)
            if card is not None:
                (staging / CARD).write_text(card.with_version(version).to_json() + "\n", encoding="utf-8")
        return version

    def same_as_newest(self, name: str, source: Path) -> int | None:
        """The newest version, if it is a copy of `source` (but for the number in its card); otherwise None."""
        check_saved_model(source)
        newest = max(self.versions(name), default=None)
        if newest is None or not _same(self.path(name, newest), source):
            return None
        return newest

    def remove(self, name: str, version: int) -> None:
        """Deletes a version: it loses its number by one rename, then its files."""
        with versions.locked(self.root):
            path = self.path(name, version)
            removed = path.with_name(f"{_REMOVED}{version}-{uuid.uuid4().hex}")
            path.rename(removed)
            _delete(removed)

    def clean(self, name: str) -> list[str]:
        """Deletes what was left by removals that were killed, and says what that was."""
        with versions.locked(self.root):
            removed = sorted((self.root / check_name(name)).glob(f"{_REMOVED}*"))
            for path in removed:
                _delete(path)
        return [str(path) for path in removed]


def looks_like_saved_model(folder: Path) -> bool:
    """True if TensorFlow Serving would find a graph in the folder."""
    return any((folder / graph).is_file() for graph in GRAPHS)


def check_saved_model(folder: Path) -> None:
    """Raises PublishError if the folder does not look like a SavedModel."""
    if not looks_like_saved_model(folder):
        found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else "no such folder"
        raise PublishError(f"Expected a SavedModel, a folder with {GRAPHS[0]}. Received: {folder} ({found})")


def read_card(folder: Path) -> ModelCard | None:
    """The card of a SavedModel, None where it has none. Raises CardError if it cannot be understood."""
    try:
        return ModelCard.from_json((folder / CARD).read_bytes())
    except FileNotFoundError:
        return None


def _delete(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path)


def _same(left: Path, right: Path) -> bool:
    files = _files(left)
    if files != _files(right):
        return False
    _, different, unreadable = filecmp.cmpfiles(left, right, [str(file) for file in files - {CARD}], shallow=False)
    return not different and not unreadable and _unnumbered(left) == _unnumbered(right)


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def _unnumbered(folder: Path) -> ModelCard | None:
    card = read_card(folder)
    return None if card is None else replace(card, version=None)
