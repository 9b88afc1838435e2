"""One watcher a model."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.versions import check_name
from serving.release_store import RolloutBusy


@contextmanager
def watching(root: Path, name: str) -> Iterator[None]:
    """Makes this process the only one that watches a rollout of `name`; other commands go on undisturbed.

    The operating system ends it if the process dies.

    Raises:
        RolloutBusy: Another process is at it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".watch-{check_name(name)}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RolloutBusy(f"An automatic rollout of {name} is being watched already; nothing was changed") from None
        yield
