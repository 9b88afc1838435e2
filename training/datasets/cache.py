"""The folder of decoded pictures: each dataset is decoded once, and then read off the disk as it is needed.

``$VITRINE_CACHE``, else ``~/.cache/vitrine``. An entry is a folder named by its key. It is written beside its place and
renamed into it when it is whole, so that a reader never meets half of one. Entries not used for longest go first when
all together are larger than the limit. Deleting any of it, at any time, costs no more than decoding anew.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from training.errors import DatasetError

VARIABLE = "VITRINE_CACHE"
DEFAULT_LIMIT_BYTES = 100 * 1024**3
_STAGING = ".staging-"
_ABANDONED_S = 2 * 24 * 3600


@dataclass(frozen=True)
class Cache:
    """Entries by key.

    Attributes:
        root: Where they lie; made when it is needed.
        limit_bytes: Of all entries together.
    """

    root: Path
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    @classmethod
    def from_env(cls) -> Cache:
        """As the environment says."""
        return cls(Path(os.environ.get(VARIABLE) or "~/.cache/vitrine").expanduser())

    def find(self, key: str, is_whole: Callable[[Path], bool]) -> Path | None:
        """The entry of that key if there is one and it is whole; it then counts as used now."""
        entry = self.root / key
        if not entry.is_dir() or not is_whole(entry):
            return None
        with suppress(OSError):  # A cache that is only read is a good one too.
            os.utime(entry)
        return entry

    def build(self, key: str, write: Callable[[Path], None]) -> Path:
        """Makes an entry, in the place of any damaged one, and makes room for it.

        Args:
            key: Fit to be a folder's name.
            write: Fills an empty folder.

        Raises:
            DatasetError: The disk is full or cannot be written to.
        """
        entry = self.root / key
        with self._disk_named(), self._staging() as staging:
            write(staging)
            # A whole entry that another process put there meanwhile has the same content.
            shutil.rmtree(entry, ignore_errors=True)
            with suppress(FileExistsError):
                staging.rename(entry)
        self._evict(keep=entry)
        return entry

    def check_room(self, size: int) -> None:
        """Raises DatasetError unless the disk has so many bytes to spare."""
        with self._disk_named():
            self.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free
        if size > free:
            raise DatasetError(
                f"Expected {size:,} free bytes for decoded pictures in {self.root}. Received: {free:,}. "
                f"{VARIABLE} names another folder; a smaller --image-size needs less"
            )

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        self.root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @contextmanager
    def _disk_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DatasetError(
                f"Decoded pictures cannot be kept in {self.root}: {error}. {VARIABLE} names another folder"
            ) from error

    def _evict(self, keep: Path) -> None:
        """Removes what was not used for longest, and what a killed process left. Open files stay readable."""
        aged: list[tuple[float, int, Path]] = []
        for folder in self.root.iterdir():
            with suppress(OSError):  # Another process may be removing it.
                used = folder.stat().st_mtime
                if folder.name.startswith(_STAGING):
                    if time.time() - used > _ABANDONED_S:
                        shutil.rmtree(folder, ignore_errors=True)
                elif folder.is_dir():
                    aged.append((used, sum(file.stat().st_size for file in folder.iterdir()), folder))
        total = sum(size for _, size, _ in aged)
        for _, size, folder in sorted(aged):
            if total > self.limit_bytes and folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
                total -= size
