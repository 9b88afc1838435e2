"""Labelled pictures as uint8 arrays, in three parts: digits, Fashion-MNIST, or a folder or archive of class folders."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from contract.card import ImageSpec
from training.datasets import digits, fashion_mnist
from training.datasets.archive import is_archive, unpacked
from training.datasets.dataset import Dataset
from training.datasets.folder import load_folder
from training.errors import DatasetError

__all__ = ["BUILT_IN", "DEFAULT_SPEC", "load"]

BUILT_IN = {"digits": digits.load, "fashion_mnist": fashion_mnist.load}
DEFAULT_SPEC = ImageSpec(96, 96, 3)


def load(source: str, *, spec: ImageSpec | None = None, seed: int = 0) -> Dataset:
    """The dataset of that name, or of the folder, zip or tar at that path.

    Args:
        source: ``digits``, ``fashion_mnist``, or a path.
        spec: What pictures in files become; `DEFAULT_SPEC` if None. The built-in datasets have their own.
        seed: Decides which pictures fall into which part.

    Raises:
        DatasetError: No such dataset, nothing readable in it, or too little of a class.
    """
    if source in BUILT_IN:
        if spec is not None:
            raise DatasetError(f"{source} has a size of its own: leave out --image-size and --resize")
        return BUILT_IN[source](seed)
    path = Path(source).expanduser()
    if not path.exists():
        raise DatasetError(
            f"Expected {', '.join(BUILT_IN)}, or a folder, zip or tar of class folders. No such: {source}"
        )
    with ExitStack() as stack:
        folder = path
        if path.is_file():
            if not is_archive(path):
                raise DatasetError(f"Expected a folder, or a zip or tar of one. Received: the file {source}")
            folder = stack.enter_context(unpacked(path))
        return load_folder(folder, name=_name(path), spec=spec or DEFAULT_SPEC, seed=seed)


def _name(path: Path) -> str:
    """``photos/my cats.tar.gz`` -> ``my-cats``: fit to be a model's name."""
    stem = path.resolve().name
    if path.is_file():
        stem = stem.split(".")[0] or stem
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in stem)
    return kept.strip("-_") or "pictures"
