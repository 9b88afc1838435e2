"""Has model servers follow models.config that do not poll it."""

from __future__ import annotations

import time

from contract.errors import DeadlineExceeded, ModelServerUnavailable
from serving.errors import RolloutFailed
from serving.release_store import ReleaseStore
from serving.replicas import Replicas

_AGAIN_S = 1.0
# A replica that is away now is sent the list again while a version is waited for.
_AWAY = (ModelServerUnavailable, DeadlineExceeded)


class Reloader:
    """Sends the list of what to load."""

    def __init__(self, store: ReleaseStore, replicas: Replicas) -> None:
        """Sends nothing yet."""
        self._store = store
        self._replicas = replicas
        self._sent = float("-inf")
        self._only: str | None = None

    def send(self, only: str | None = None) -> None:
        """Sends it to every replica that answers, or only to one. Raises RolloutFailed if one of them refuses it."""
        self._sent, self._only = time.monotonic(), only
        errors = self._replicas.reload(self._store.config(), only)
        refused = {one: error for one, error in errors.items() if not isinstance(error, _AWAY)}
        if refused:
            reasons = "; ".join(f"{replica}: {error}" for replica, error in refused.items())
            raise RolloutFailed(f"models.config was refused; the release state is what it was before. {reasons}")

    def send_again(self, only: str | None) -> None:
        """The same now and then, for a replica that was started again and knows only what it was started with."""
        if only != self._only or time.monotonic() - self._sent > _AGAIN_S:
            self.send(only)
