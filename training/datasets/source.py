"""Where files lie: a folder, a zip or a tar. Lists them and reads any of them, from any thread; nothing is unpacked.

Names are as people should see them, relative and in Unicode's composed form (NFC): ``café`` from a Mac is then the same
label as ``café`` from elsewhere. How to get at the file is another matter, and the source's own.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from training.datasets import archive

MAX_FILE_BYTES = 512 * 1024**2


@dataclass(frozen=True)
class File:
    """A file of a source.

    Attributes:
        name: Its path below the source's root, with slashes, fit to be printed.
        key: How the source finds it.
        size: Bytes, as far as the listing tells.
        stamp: Changes with the content: the time of the last change, in ns.
    """

    name: str
    key: str
    size: int
    stamp: int = 0


class Source(Protocol):
    """Files by name, from wherever they lie. Hidden ones are left out."""

    @property
    def files(self) -> tuple[File, ...]:
        """All files, sorted by name."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of all folders, empty ones too."""

    def read(self, file: File) -> bytes:
        """A file's bytes. Safe to call from several threads.

        Raises:
            OSError: It cannot be read.
        """


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """The source at a path, for as long as it is needed.

    Raises:
        DatasetError: It is no folder, zip or tar; or it is damaged, encrypted, or names what lies outside it.
    """
    if path.is_dir():
        yield Folder(path)
        return
    with archive.opened(path) as names:
        yield _Listed(names)


def state(path: Path) -> list[str]:
    """Lines that change when the content of the folder or archive does; pictures are not read for it."""
    if path.is_dir():
        folder = Folder(path)
        return [*(f"{file.name}\t{file.size}\t{file.stamp}" for file in folder.files), *folder.folders]
    status = path.stat()
    return [f"{path.name}\t{status.st_size}\t{status.st_mtime_ns}"]


def printable(name: str) -> str:
    """A name as people should see it: NFC, and what is no Unicode at all replaced."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))


def is_hidden(name: str) -> bool:
    """Whether any folder of the path, or the file itself, is one that a person does not see."""
    return any(step.startswith((".", "__MACOSX")) for step in name.split("/"))


class Folder:
    """A folder on the disk; links in it are followed, but never round in a circle."""

    def __init__(self, root: Path) -> None:
        self._root = root
        files: list[File] = []
        folders: list[str] = []
        self._walk("", files, folders, frozenset({os.path.realpath(root)}))
        self.files = tuple(sorted(files, key=lambda file: (file.name, file.key)))
        self.folders = tuple(sorted(folders))

    def read(self, file: File) -> bytes:
        """A file's bytes. Raises OSError, also for what is no regular file: a pipe would block for ever."""
        path = self._root / file.key
        if not path.is_file():
            raise OSError("Expected a file. Received: a link to nothing" if path.is_symlink() else "Expected a file")
        _check_size(path.stat().st_size)
        return path.read_bytes()

    def _walk(self, below: str, files: list[File], folders: list[str], above: frozenset[str]) -> None:
        with os.scandir(self._root / below) as entries:
            found = [entry for entry in entries if not is_hidden(entry.name)]
        for entry in found:
            key = f"{below}{entry.name}"
            if not entry.is_dir():
                files.append(_listed_file(entry, key))
                continue
            real = os.path.realpath(entry.path)
            if real not in above:
                folders.append(printable(key))
                self._walk(f"{key}/", files, folders, above | {real})


class _Listed:
    """The files of an archive."""

    def __init__(self, members: archive.Members) -> None:
        self._members = members
        listed = [(printable(key), key, size) for key, size in members.sizes.items()]
        self.files = tuple(sorted((File(*one) for one in listed if not is_hidden(one[0])), key=lambda file: file.name))
        self.folders = tuple(sorted(name for name in map(printable, members.folders) if not is_hidden(name)))

    def read(self, file: File) -> bytes:
        _check_size(file.size)
        return self._members.read(file.key)


def _listed_file(entry: os.DirEntry[str], key: str) -> File:
    try:
        status = entry.stat()
    except OSError:  # A link to nothing: reading it says so.
        return File(printable(key), key, 0)
    return File(printable(key), key, status.st_size, status.st_mtime_ns)


def _check_size(size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise OSError(f"Expected a file of at most {MAX_FILE_BYTES:,} bytes. Received: {size:,}")
