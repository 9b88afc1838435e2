"""The one seam to fsspec: files under a URL, by their path below it, and one kind of error for all that goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no types


class StoreUnavailable(OSError):
    """An object store that does not do what it is asked; the message is its own."""


@dataclass(frozen=True)
class Found:
    """A file in a store."""

    size: int
    modified: datetime | None


class Bucket:
    """Files under a URL. Every change of one file is atomic; there is no change of several, and no rename."""

    def __init__(self, url: str) -> None:
        """`url` as fsspec takes it. Raises StoreUnavailable if there is no such kind of store, or no package for it."""
        self.url = url.rstrip("/")
        with self._mapped():
            # What others write has to be seen at once.
            self._fs, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
        self._root = self._root.rstrip("/")

    def folders(self, under: str = "") -> list[str]:
        """The names of the folders in a folder, sorted."""
        path = self._path(under)
        with self._mapped():
            self._fs.invalidate_cache()
            try:
                listed = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                return []
        return sorted(one["name"].rstrip("/").rpartition("/")[2] for one in listed if one["type"] == "directory")

    def files(self, under: str) -> dict[str, Found]:
        """Every file below a folder, by its path from there."""
        path = self._path(under)
        with self._mapped():
            self._fs.invalidate_cache()
            listed = self._fs.find(path, detail=True)
        return {
            one.removeprefix(f"{path}/"): Found(int(info["size"]), _modified(info))
            for one, info in listed.items()
            if one.startswith(f"{path}/")
        }

    def read(self, path: str) -> bytes:
        """A file's content. Raises FileNotFoundError."""
        with self._mapped():
            return bytes(self._fs.cat_file(self._path(path)))

    def write(self, path: str, content: bytes) -> None:
        """Makes or replaces a file."""
        with self._mapped():
            self._fs.pipe_file(self._path(path), content)

    def create(self, path: str, content: bytes) -> bool:
        """Makes a file; False if there is one already, by whomever."""
        try:
            with self._mapped():
                self._fs.pipe_file(self._path(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def upload(self, source: Path, path: str) -> None:
        """Makes or replaces a file with the content of one on disk."""
        with self._mapped():
            self._fs.put_file(str(source), self._path(path))

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes files; those that are gone already are no error."""
        for path in paths:
            try:
                with self._mapped():
                    self._fs.rm_file(self._path(path))
            except FileNotFoundError:
                continue

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except Exception as error:
            # Every kind of store has errors of its own, and not all of them are OSErrors.
            raise StoreUnavailable(f"{self.url}: {type(error).__name__}: {error}") from error


def _modified(info: dict[str, object]) -> datetime | None:
    """When a file was written, under whichever name its kind of store has for that."""
    for key in ("LastModified", "updated", "last_modified", "mtime", "created"):
        match info.get(key):
            case datetime() as when:
                return when if when.tzinfo else when.replace(tzinfo=UTC)
            case int() | float() as when:
                return datetime.fromtimestamp(when, UTC)
            case str() as when:
                return datetime.fromisoformat(when)
    return None
