"""Version directories: ``<repository>/<name>/<integer>/``, and how one comes to be there whole or not at all.

TensorFlow Serving takes every all-digit directory for a version, at any moment. So a version is written to a
non-numeric sibling, made durable, and renamed: a reader never sees half of one.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# The repository's own files, release.json and models.config, stand beside its models.
_FILES = (".json", ".config")
_LOCK = ".lock"
_STAGING = ".staging-"


class PublishError(Exception):
    """A version that cannot be put into the repository; nothing was changed."""


def check_name(name: str) -> str:
    """The name itself, if a model may have it. Raises PublishError otherwise."""
    if not _NAME.fullmatch(name):
        raise PublishError(f"Expected a model name of letters, digits, '.', '_' and '-'. Received: {name!r}")
    if name.endswith(_FILES):
        raise PublishError(f"Expected a model name that does not end in {' or '.join(_FILES)}. Received: {name!r}")
    return name


def is_name(name: str) -> bool:
    """True if a model may have that name."""
    try:
        check_name(name)
    except PublishError:
        return False
    return True


def version_numbers(model_dir: Path) -> list[int]:
    """The versions of a model, ascending: its all-digit directories, as TensorFlow Serving sees them."""
    if not model_dir.is_dir():
        return []
    return sorted(int(path.name) for path in model_dir.iterdir() if _is_version(path))


def samples_folder(version: Path) -> Path:
    """Where a version keeps a few pictures to try it with; a version may have none."""
    return version / "assets.extra" / "samples"


@contextmanager
def publishing(repository: Path, name: str) -> Iterator[tuple[Path, int]]:
    """Gives an empty staging directory and the version number it will have; renames it at the end of the block.

    An exception inside the block removes the staging directory and leaves the repository as it was. One publisher at a
    time: a second one waits.

    Raises:
        PublishError: The name is not a model name, or the block left the directory empty.
    """
    model_dir = repository / check_name(name)
    model_dir.mkdir(parents=True, exist_ok=True)
    with locked(repository):
        _remove_leftovers(model_dir)
        version = max(version_numbers(model_dir), default=0) + 1
        staging = model_dir / f"{_STAGING}{uuid.uuid4().hex}"
        staging.mkdir()
        try:
            yield staging, version
            if not any(staging.iterdir()):
                raise PublishError(
                    f"Expected a SavedModel to publish as version {version} of {name}. Received: nothing"
                )
            _sync_tree(staging)
            staging.rename(model_dir / str(version))
            _sync(model_dir)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def locked(repository: Path) -> Iterator[None]:
    """Holds the repository's lock; the operating system releases it if the process dies."""
    repository.mkdir(parents=True, exist_ok=True)
    with (repository / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file so that a reader, or a crash at any moment, meets the old content or the new."""
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with staging.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
        _sync(path.parent)
    finally:
        staging.unlink(missing_ok=True)


def _is_version(path: Path) -> bool:
    return path.name.isascii() and path.name.isdigit() and path.is_dir()


def _remove_leftovers(model_dir: Path) -> None:
    """Staging directories of publishers that were killed; the lock says that none is at work."""
    for leftover in model_dir.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync_tree(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for file in files:
            _sync(Path(folder, file))
        _sync(Path(folder))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
