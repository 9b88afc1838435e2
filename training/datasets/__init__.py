"""Labelled pictures as uint8 arrays, in three parts: built-in sets, or a folder or archive of class folders."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from contract.card import ImageSpec
from training.datasets import cifar10, digits, fashion_mnist
from training.datasets.cache import Cache
from training.datasets.dataset import Dataset
from training.datasets.fingerprint import fingerprint
from training.datasets.pictures import Request, load_pictures
from training.datasets.spec import DEFAULT_SPEC, PartialSpec
from training.datasets.statistics import channel_statistics
from training.errors import DatasetError

__all__ = ["BUILT_IN", "DEFAULT_SPEC", "PartialSpec", "channel_statistics", "fingerprint", "load"]

BUILT_IN = {"digits": digits.load, "fashion_mnist": fashion_mnist.load, "cifar10": cifar10.load}


def load(
    source: str,
    *,
    spec: ImageSpec | PartialSpec | None = None,
    seed: int = 0,
    split: Path | None = None,
    out: TextIO | None = None,
) -> Dataset:
    """The dataset of that name, or of the folder, zip or tar at that path.

    Args:
        source: One of `BUILT_IN`, or a path.
        spec: What pictures in files become. What is left open is their own size if that is small and the same for all,
            else `DEFAULT_SPEC`. The built-in datasets have their own.
        seed: Decides which pictures fall into which part, where neither folders nor a split file say it.
        split: A CSV file with the columns ``file`` and ``split``, for pictures in files. If None, the ``split.csv``
            beside their class folders, if there is one.
        out: Is told how far the decoding is, if that takes a while.

    Raises:
        DatasetError: No such dataset, nothing readable in it, or too little of a class.
    """
    if source in BUILT_IN:
        if spec is not None or split is not None:
            raise DatasetError(
                f"{source} has a size and a split of its own: leave out --image-size, --channels, --resize and --split"
            )
        return BUILT_IN[source](seed)
    path = Path(source).expanduser()
    if not path.exists():
        raise DatasetError(
            f"Expected {', '.join(BUILT_IN)}, or a folder, zip or tar of class folders. No such: {source}"
        )
    if split is not None and not split.is_file():
        raise DatasetError(f"Expected a CSV file with the columns file and split. No such: {split}")
    request = Request(path, _name(path), spec or PartialSpec(), seed, split)
    return load_pictures(request, Cache.from_env(), out)


def _name(path: Path) -> str:
    """``photos/my cats.tar.gz`` -> ``my-cats``: fit to be a model's name."""
    stem = path.resolve().name
    if path.is_file():
        stem = stem.split(".")[0] or stem
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in stem)
    return kept.strip("-_") or "pictures"
