"""One version of a model on its way from START to END, and the lease that keeps it loaded for a request.

Nothing here locks: the manager does, around every call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from serving.model_server.errors import Cancelled, ServerError
from serving.model_server.versions.policy import Snapshot, State


class Closable(Protocol):
    """What a loader makes: something to be closed when its last request is answered."""

    def close(self) -> None:
        """Frees memory and threads."""


ServableT = TypeVar("ServableT", bound=Closable)


@dataclass(frozen=True)
class VersionStatus:
    """One version of a model as others see it.

    Attributes:
        version: Its number.
        state: Where it is in its life.
        error: What ended it, if an error did.
        wanted: True if it is to be served.
    """

    version: int
    state: State
    error: ServerError | None = None
    wanted: bool = True


class Version(Generic[ServableT]):
    """A version's record; `policy` draws its states."""

    def __init__(self, name: str, number: int, path: Path) -> None:
        self.name = name
        self.number = number
        self.path = path
        self.state = State.START
        self.aspired = True
        self.load_requested = False
        self.attempts = 0
        self.retry: Timer | None = None
        self.error: ServerError | None = None
        self.servable: ServableT | None = None
        self.in_flight = 0

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"

    def snapshot(self) -> Snapshot:
        """What the policy needs to know."""
        return Snapshot(self.number, self.state, self.aspired, self.load_requested)

    def status(self, *, wanted: bool) -> VersionStatus:
        """What others need to know. An error shows once it is final, as with TensorFlow Serving."""
        return VersionStatus(self.number, self.state, self.error if self.state is State.END else None, wanted)

    @property
    def ended_unwanted(self) -> bool:
        """True if it may start anew. One that failed while it is aspired may not: its attempts are spent."""
        return self.state is State.END and not self.aspired

    def dismiss(self) -> None:
        """It is no longer aspired. What serves or loads right now goes on; what waits ends here."""
        self.aspired = False
        if self.state is State.START:
            self.state = State.END
        elif self.retry is not None:
            self.stop_retrying()
            self.state = State.END

    def stop_retrying(self) -> None:
        """Gives up a planned attempt."""
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None

    def loaded(self, servable: ServableT) -> bool:
        """Takes over what was loaded. False if it came too late, and is only to be closed."""
        self.servable = servable
        self.state = State.AVAILABLE if self.aspired else State.UNLOADING
        self.error = None if self.aspired else Cancelled("Loading of servable cancelled")
        return self.aspired

    def failed(self, error: ServerError, *, retries: int) -> bool:
        """Notes a failed attempt. True if another one is due."""
        self.error = error
        self.attempts += 1
        if self.aspired and self.attempts <= retries:
            return True
        self.state = State.END
        return False


class Lease(Generic[ServableT]):
    """A loaded version in the hands of one request: it stays loaded until the ``with`` block ends."""

    __slots__ = ("_release", "servable", "version")

    def __init__(self, servable: ServableT, version: int, release: Callable[[], None]) -> None:
        self.servable = servable
        self.version = version
        self._release = release

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()
