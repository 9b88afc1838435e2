"""What release.json says now: read again whenever the file changes, without a thread of its own."""

from __future__ import annotations

import logging
from pathlib import Path

from contract.release import FILE_NAME, ModelRelease, Release, ReleaseError

_log = logging.getLogger(__name__)
_Mark = tuple[int, int, int]


class ReleaseWatcher:
    """The current `Release` of a repository; an empty one where there is no repository or no release.json yet.

    A release.json that cannot be read keeps the last good state in force: an operator's slip must not stop the answers.
    """

    def __init__(self, repository: Path | None) -> None:
        self._repository = repository
        self._mark: _Mark | None = None
        self._release = Release()

    def release(self) -> Release:
        """The state as of now; costs one `stat` unless the file changed."""
        if self._repository is None:
            return self._release
        mark = _mark(self._repository / FILE_NAME)
        if mark != self._mark:
            self._mark = mark
            self._reload(self._repository)
        return self._release

    def model(self, name: str) -> ModelRelease | None:
        """One model's state, or None if release.json does not know it."""
        return self.release().models.get(name)

    def _reload(self, repository: Path) -> None:
        try:
            self._release = Release.read(repository)
        except (ReleaseError, OSError) as error:
            _log.error("release.json cannot be read, the last good state stays in force: %s", error)


def _mark(path: Path) -> _Mark | None:
    """What differs after each atomic replacement of the file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
