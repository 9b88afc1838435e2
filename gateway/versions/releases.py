"""What release.json says now: read again whenever the file changes, without a thread of its own. Thread-safe."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from contract.release import FILE_NAME, ModelRelease, Release, ReleaseError

_log = logging.getLogger(__name__)
_Mark = tuple[int, int, int, int, int]


class ReleaseWatcher:
    """The current `Release` of a repository; an empty one where there is no repository or no release.json yet.

    A release.json that cannot be read, or that is gone, keeps the last good state in force: neither an operator's slip
    nor a file system's hiccup may stop the answers or send traffic elsewhere.
    """

    def __init__(self, repository: Path | None) -> None:
        self._path = repository / FILE_NAME if repository else None
        self._lock = threading.Lock()
        self._mark: _Mark | None = None
        self._trouble = ""
        self._release = Release()

    def release(self) -> Release:
        """The state as of now; costs one `stat` unless the file changed."""
        if self._path is not None and _mark(self._path) != self._mark:
            # Pages are made in threads: what one of them read slowly must not come after what another read since.
            with self._lock:
                mark = _mark(self._path)
                if mark != self._mark:
                    self._reload(self._path, mark)
        return self._release

    def model(self, name: str) -> ModelRelease | None:
        """One model's state, or None if release.json does not know it."""
        return self.release().models.get(name)

    @property
    def unreadable(self) -> bool:
        """True while the file cannot be read, and what it said last stays in force."""
        return bool(self._trouble)

    def _reload(self, path: Path, mark: _Mark | None) -> None:
        try:
            self._release = Release.from_json(path.read_bytes())
        except ReleaseError as error:
            self._complain(error)
        except OSError as error:
            # No fault of the content, so perhaps over in a moment.
            mark = None
            self._complain(error)
        else:
            self._trouble = ""
        self._mark = mark

    def _complain(self, error: Exception) -> None:
        """Says so once, not at every request."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.error("release.json cannot be read, the last good state stays in force: %s", error)


def _mark(path: Path) -> _Mark | None:
    """What differs after each replacement of the file, or of a symbolic link on the way to it; None if it is away."""
    try:
        stat = path.stat()
    except OSError:
        return None
    # An inode's number may be used again, and a copy may keep its time; nobody sets the time of a change.
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
