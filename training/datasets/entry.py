"""A dataset's decoded pictures in a folder: written part after part into one file, read as memmaps.

index.json       labels, spec, names of files, what was skipped, where each part ends; written last
pictures.npy     uint8 [N, H, W, C]
classes.npy      int64 [N]
sizes.npy, forms.npy, hashes.npy, thumbnails.npy    the traits of each picture
original-0 ...   a few test pictures as files
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.card import ImageSpec
from training.datasets.dataset import Dataset, Part, Skipped
from training.datasets.traits import Traits, pixel_hashes, thumbnails

_AT_ONCE_BYTES = 4 * 1024**2
_INSPECTED = 1000
_SPEC = ("height", "width", "channels", "resize")


@dataclass(frozen=True)
class Rows:
    """Pictures in the order in which they were decoded, to be written part after part.

    Attributes:
        pixels: uint8 [M, H, W, C].
        files: Their M names.
        classes: int64 [M].
        sizes: int32 [M, 2], width and height in the file.
        forms: M names of formats.
    """

    pixels: NDArray[np.uint8]
    files: Sequence[str]
    classes: NDArray[np.int64]
    sizes: NDArray[np.int32]
    forms: Sequence[str]


@dataclass(frozen=True)
class About:
    """What is known of the dataset as a whole; as in `Dataset`."""

    labels: tuple[str, ...]
    spec: ImageSpec
    skipped: tuple[Skipped, ...]
    empty: tuple[str, ...]
    notes: tuple[str, ...]


def write(folder: Path, rows: Rows, parts: Sequence[NDArray[np.int64]], about: About, originals: list[bytes]) -> None:
    """Writes the entry.

    Args:
        folder: Exists.
        rows: The pictures.
        parts: For train, validation and test, the indices of their pictures in `rows`.
        about: The rest.
        originals: Test pictures as files.
    """
    order = np.concatenate(parts)
    forms = sorted(set(rows.forms))
    digest = _write_pictures(folder, rows.pixels, order)
    np.save(folder / "classes.npy", rows.classes[order])
    np.save(folder / "sizes.npy", rows.sizes[order])
    np.save(folder / "forms.npy", np.array([forms.index(form) for form in rows.forms], np.uint8)[order])
    for number, data in enumerate(originals):
        (folder / f"original-{number}").write_bytes(data)
    index = {
        **asdict(about),
        "spec": {key: getattr(about.spec, key) for key in _SPEC},
        "files": [rows.files[position] for position in order],
        "ends": np.cumsum([len(part) for part in parts]).tolist(),
        "forms": forms,
        "originals": len(originals),
        "digest": digest,
    }
    (folder / "index.json").write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


def is_whole(folder: Path) -> bool:
    """Whether everything is there, of the right length, and up to 1,000 pictures are as they were written."""
    try:
        index = _index(folder)
        pictures = np.load(folder / "pictures.npy", mmap_mode="r")
        arrays = [
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("classes", "sizes", "forms", "thumbnails")
        ]
        hashes = np.load(folder / "hashes.npy")
        count = index["ends"][-1]
        originals = [folder / f"original-{number}" for number in range(index["originals"])]
        looked_at = np.unique(np.linspace(0, count - 1, _INSPECTED).astype(np.int64))
        return (
            all(len(array) == count for array in (pictures, hashes, index["files"], *arrays))
            and all(path.is_file() for path in originals)
            and np.array_equal(pixel_hashes(pictures[looked_at]), hashes[looked_at])
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError):
        return False


def read(folder: Path, name: str) -> Dataset:
    """The dataset of a whole entry; its pictures stay on the disk. Its spec has size, channels and resize, no more."""
    index = _index(folder)
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")
    classes = np.load(folder / "classes.npy")
    starts = [0, *index["ends"][:-1]]
    slices = [slice(start, end) for start, end in zip(starts, index["ends"], strict=True)]
    parts = [Part(pictures[cut], classes[cut], tuple(index["files"][cut])) for cut in slices]
    return Dataset(
        name=name,
        labels=tuple(index["labels"]),
        spec=ImageSpec(**index["spec"]),
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        skipped=tuple(Skipped(**skipped) for skipped in index["skipped"]),
        originals=tuple((folder / f"original-{number}").read_bytes() for number in range(index["originals"])),
        empty=tuple(index["empty"]),
        notes=tuple(index["notes"]),
        traits=tuple(_traits(folder, index["forms"], cut) for cut in slices),
        digest=index["digest"],
    )


def _index(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return index


def _traits(folder: Path, forms: Sequence[str], cut: slice) -> Traits:
    return Traits(
        hashes=np.load(folder / "hashes.npy")[cut],
        thumbnails=np.load(folder / "thumbnails.npy", mmap_mode="r")[cut],
        sizes=np.load(folder / "sizes.npy")[cut],
        formats=tuple(forms[form] for form in np.load(folder / "forms.npy")[cut]),
    )


def _write_pictures(folder: Path, pixels: NDArray[np.uint8], order: NDArray[np.int64]) -> str:
    """Pictures, hashes and thumbnails, some at a time; gives the digest of all."""
    step = max(1, _AT_ONCE_BYTES // pixels[0].size)
    hashes: list[NDArray[np.uint64]] = []
    small: list[NDArray[np.uint8]] = []
    with NpyFile(folder / "pictures.npy", pixels.shape[1:]) as file:
        for start in range(0, len(order), step):
            chunk = np.asarray(pixels[order[start : start + step]])
            file.append(chunk)
            hashes.append(pixel_hashes(chunk))
            small.append(thumbnails(chunk))
    everything = np.concatenate(hashes)
    np.save(folder / "hashes.npy", everything)
    np.save(folder / "thumbnails.npy", np.concatenate(small))
    return hashlib.blake2b(everything.tobytes(), digest_size=16).hexdigest()


class NpyFile:
    """A .npy file of uint8 that grows: its header is written anew when the number of rows is known."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._file = path.open("wb")
        self._shape = shape
        self._rows = 0
        self._write_header()

    def __enter__(self) -> NpyFile:
        return self

    def append(self, rows: NDArray[np.uint8]) -> None:
        """Adds uint8 [n, *shape]."""
        self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def __exit__(self, *_: object) -> None:
        # numpy leaves room in the header for the first number to grow.
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (self._rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
