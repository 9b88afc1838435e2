"""A zip or tar of class folders, unpacked into a folder that goes away again. Nothing in it can write elsewhere."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from training.errors import DatasetError

MAX_UNPACKED_BYTES = 20 * 1024**3


def is_archive(path: Path) -> bool:
    """Whether the file's content is that of a zip or a tar, whatever its name."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Gives a temporary folder with the archive's content.

    Raises:
        DatasetError: The archive is damaged, encrypted, too large, or would write outside its folder.
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name:
        folder = Path(name)
        try:
            if zipfile.is_zipfile(path):
                _unzip(path, folder)
            else:
                _untar(path, folder)
        except tarfile.FilterError as error:
            raise DatasetError(f"{path} is not safe to unpack: {error}") from error
        # RuntimeError is an encrypted zip, NotImplementedError an unknown compression in one.
        except (
            zipfile.BadZipFile,
            tarfile.TarError,
            EOFError,
            OSError,
            RuntimeError,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            raise DatasetError(f"{path} cannot be unpacked: {error}") from error
        yield folder


def _unzip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            inside = PurePosixPath(member.filename.replace("\\", "/"))
            if inside.is_absolute() or ".." in inside.parts:
                raise DatasetError(f"{path} is not safe to unpack: {member.filename!r} would be outside its folder")
        _check_room(path, sum(member.file_size for member in archive.infolist()), folder)
        archive.extractall(folder)  # noqa: S202  every name was checked above


def _untar(path: Path, folder: Path) -> None:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        _check_room(path, sum(member.size for member in members), folder)
        # The filter refuses absolute names, "..", links to elsewhere and devices.
        archive.extractall(folder, members, filter="data")


def _check_room(path: Path, size: int, folder: Path) -> None:
    room = min(MAX_UNPACKED_BYTES, shutil.disk_usage(folder).free)
    if size > room:
        raise DatasetError(f"Expected at most {room:,} bytes inside {path}. Received: {size:,}. Unpack it yourself")
