"""A zip or tar, read where it lies: its members by name. A compressed tar is expanded into a temporary file first.

Nothing in an archive decides where something is written, for no member is written anywhere; an archive that tries
(absolute names, ``..``, links to elsewhere, devices) is refused all the same.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from training.errors import DatasetError

MAX_EXPANDED_BYTES = 200 * 1024**3

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, zlib.error, lzma.LZMAError)
_COMPRESSED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_UTF_8_FLAG = 0x800
_COPIED_AT_ONCE = 1024**2


class Members(Protocol):
    """What an archive holds."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The files: name to bytes."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that the archive names."""

    def read(self, name: str) -> bytes:
        """A file's bytes; safe in several threads. Raises OSError for a damaged or encrypted member."""


def is_archive(path: Path) -> bool:
    """Whether the file's content is that of a zip or a tar, whatever its name."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


@contextmanager
def opened(path: Path) -> Iterator[Members]:
    """The members of an archive, while it is open.

    Raises:
        DatasetError: No archive, a damaged or encrypted one, or one that names what lies outside it.
    """
    if not is_archive(path):
        raise DatasetError(f"Expected a folder, or a zip or tar of one, undamaged. Received: the file {path}")
    open_members = _zip if zipfile.is_zipfile(path) else _tar
    with open_members(path) as members:
        yield members


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.FilterError as error:
        raise DatasetError(f"{path} is not safe to unpack: {error}") from error
    except (*_DAMAGED, OSError) as error:
        raise DatasetError(f"{path} cannot be unpacked: {error}") from error


class _Zip:
    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        folders: list[str] = []
        for member in archive.infolist():
            name = _zip_name(member)
            inside = PurePosixPath(name)
            if inside.is_absolute() or ".." in inside.parts:
                raise DatasetError(f"{path} is not safe to unpack: {name!r} would be outside its folder")
            if name.endswith("/"):
                folders.append(str(inside))
            else:
                self._members[str(inside)] = member
        self.folders = tuple(folders)
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def read(self, name: str) -> bytes:
        # A lock of the ZipFile's own lets its threads read in turns; they inflate beside each other.
        try:
            return self._archive.read(self._members[name])
        # RuntimeError is an encrypted member, NotImplementedError (one of its kind) an unknown compression.
        except _DAMAGED as error:
            raise OSError(f"Damaged inside the zip: {error}") from error


@contextmanager
def _zip(path: Path) -> Iterator[_Zip]:
    with _damage_named(path):
        archive = zipfile.ZipFile(path)
    with archive:
        yield _Zip(archive, path)


def _zip_name(member: zipfile.ZipInfo) -> str:
    """The member's name; macOS writes UTF-8 without saying so, which `zipfile` then takes for the DOS code page."""
    name = member.filename.replace("\\", "/")
    if member.flag_bits & _UTF_8_FLAG:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


@dataclass(frozen=True)
class _Tar:
    descriptor: int
    places: Mapping[str, tuple[int, int]]
    folders: tuple[str, ...]

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: size for name, (_, size) in self.places.items()}

    def read(self, name: str) -> bytes:
        offset, size = self.places[name]
        return os.pread(self.descriptor, size, offset)


@contextmanager
def _tar(path: Path) -> Iterator[_Tar]:
    with path.open("rb") as packed, tempfile.TemporaryFile(prefix="vitrine-") as expanded:
        with _damage_named(path):
            plain = _expanded(packed, expanded, path)
            places, folders = _tar_places(plain, path)
        yield _Tar(plain.fileno(), places, folders)


def _expanded(packed: BinaryIO, into: BinaryIO, path: Path) -> BinaryIO:
    """The tar itself: the very file, or what it expands to. Members of a compressed one cannot be read one by one."""
    head = packed.read(6)
    packed.seek(0)
    expand = next((found for magic, found in _COMPRESSED.items() if head.startswith(magic)), None)
    if expand is None:
        return packed
    room = min(MAX_EXPANDED_BYTES, shutil.disk_usage(tempfile.gettempdir()).free)
    with expand(packed) as stream:
        while block := stream.read(_COPIED_AT_ONCE):
            if into.tell() + len(block) > room:
                raise DatasetError(f"Expected at most {room:,} bytes inside {path}. Received: more. Unpack it yourself")
            into.write(block)
    into.flush()
    into.seek(0)
    return into


def _tar_places(plain: BinaryIO, path: Path) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    """Where each file's bytes lie, links to other members resolved; and the folders."""
    places: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    folders: list[str] = []
    with tarfile.open(fileobj=plain, mode="r:") as archive:
        for member in archive:
            # Refuses absolute names, "..", links to elsewhere and devices.
            safe = tarfile.data_filter(member, str(path))
            name = posixpath.normpath(safe.name)
            if member.isdir():
                folders.append(name)
            elif member.isreg():
                places[name] = (member.offset_data, member.size)
            elif member.issym():
                links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
            elif member.islnk():
                links[name] = posixpath.normpath(member.linkname)
    # A link to nothing has no bytes: it is listed, and then skipped as an empty file.
    places |= {name: places.get(target, (0, 0)) for name, target in links.items()}
    return places, tuple(folder for folder in folders if folder != ".")
