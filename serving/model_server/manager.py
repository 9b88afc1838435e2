"""The registry of versions: carries out the policy's actions and hands out loaded versions to requests.

Thin: it decides nothing (that is `policy`) and knows nothing of TensorFlow (the loader is given to it). Thread-safe.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from serving.model_server.errors import DeadlineExceeded, Internal, NotFound, ServerError, Unavailable, Unknown
from serving.model_server.policy import Load, Snapshot, State, Unload, next_action

_LOG = logging.getLogger(__name__)
_LOAD_THREADS = 4
_WATCH_S = 0.2


class Closable(Protocol):
    """What a loader makes: something to be closed when its last request is answered."""

    def close(self) -> None:
        """Frees memory and threads."""


ServableT = TypeVar("ServableT", bound=Closable)
Loader = Callable[[str, int, Path], ServableT]


@dataclass(frozen=True)
class VersionStatus:
    """One version of a model and the error that ended it, if one did."""

    version: int
    state: State
    error: ServerError | None = None


class _Version(Generic[ServableT]):
    """A version's record, guarded by the manager's lock."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.aspired = True
        self.state = State.START
        self.error: ServerError | None = None
        self.servable: ServableT | None = None
        self.in_flight = 0
        self.attempts = 0
        self.retry: threading.Timer | None = None

    def snapshot(self) -> Snapshot:
        return Snapshot(self.number, self.state, self.aspired, self.retry is not None)

    def fail(self, error: ServerError | None) -> None:
        self.retry = None
        self.error = error
        self.state = State.END


class Lease(Generic[ServableT]):
    """A loaded version in the hands of one request: it stays loaded until the ``with`` block ends."""

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


class Manager(Generic[ServableT]):
    """Every version of every model, from START to END."""

    def __init__(self, load: Loader[ServableT], *, retries: int = 0, retry_interval_s: float = 60.0) -> None:
        """Starts with no model.

        Args:
            load: Makes a servable of (model name, version, path); raises ServerError.
            retries: Further attempts for a version that fails to load.
            retry_interval_s: Seconds between them.
        """
        self._load = load
        self._retries = retries
        self._retry_interval_s = retry_interval_s
        self._models: dict[str, dict[int, _Version[ServableT]]] = {}
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(_LOAD_THREADS, thread_name_prefix="lifecycle")
        self._closed = False

    def set_aspired(self, name: str, versions: Mapping[int, Path]) -> None:
        """Says which versions of a model are wanted; loading and unloading follow by themselves."""
        with self._changed:
            known = self._models.setdefault(name, {})
            for number, record in known.items():
                if number not in versions and record.aspired:
                    self._dismiss(record)
            for number, path in versions.items():
                if number not in known or not known[number].aspired:
                    self._admit(known, number, path)
            self._advance(name)

    def lease(self, name: str, version: int | None) -> Lease[ServableT]:
        """A version to run a request on: the given one, or the highest that is AVAILABLE.

        Raises:
            NotFound: It is not loaded.
        """
        with self._changed:
            record = self._serving(name, version)
            if record is None or record.servable is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise NotFound(f"Servable not found for request: {asked}")
            record.in_flight += 1
            return Lease(record.servable, record.number, lambda: self._release(name, record))

    def statuses(self, name: str) -> list[VersionStatus]:
        """Every version that the model has or had, newest first."""
        with self._changed:
            records = sorted(self._models.get(name, {}).values(), key=lambda one: -one.number)
            return [VersionStatus(one.number, one.state, one.error) for one in records]

    def wait_available(
        self, names: Collection[str], *, timeout_s: float | None = None, abandoned: Callable[[], bool]
    ) -> None:
        """Returns once each of the models has a version that serves.

        Args:
            names: The models.
            timeout_s: How long to wait; None: as long as it takes.
            abandoned: Asked now and then; True ends the wait.

        Raises:
            Unknown: A model has no version left that could become available; the message has each error.
            DeadlineExceeded: Not in time.
            Unavailable: Abandoned, or the server stops.
        """
        with self._changed:
            deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
            while not all(self._available(name) for name in names):
                self._check_hopeless(names)
                if self._closed or abandoned():
                    raise Unavailable("The wait for the models was given up")
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    raise DeadlineExceeded(f"Models did not become available in time: {', '.join(sorted(names))}")
                self._changed.wait(_WATCH_S)

    def close(self) -> None:
        """Starts no further load; requests in flight keep what they have."""
        with self._changed:
            self._closed = True
            for records in self._models.values():
                for record in records.values():
                    if record.retry is not None:
                        record.retry.cancel()
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # The methods below run with the lock held, unless they say otherwise.

    def _admit(self, known: dict[int, _Version[ServableT]], number: int, path: Path) -> None:
        record = known.get(number)
        if record is not None and record.state in (State.LOADING, State.AVAILABLE):
            record.aspired = True
        elif record is None or record.state is not State.UNLOADING:
            known[number] = _Version(number, path)
        # One that is unloading is admitted by the poll that finds it at its END.

    def _dismiss(self, record: _Version[ServableT]) -> None:
        record.aspired = False
        if record.retry is not None:
            record.retry.cancel()
            record.fail(record.error)
        elif record.state is State.START:
            record.fail(None)

    def _serving(self, name: str, version: int | None) -> _Version[ServableT] | None:
        serving = {n: one for n, one in self._models.get(name, {}).items() if one.state is State.AVAILABLE}
        return serving.get(max(serving, default=0) if version is None else version)

    def _available(self, name: str) -> bool:
        return any(one.aspired and one.state is State.AVAILABLE for one in self._models.get(name, {}).values())

    def _check_hopeless(self, names: Collection[str]) -> None:
        failed: list[str] = []
        for name in names:
            aspired = [one for one in self._models.get(name, {}).values() if one.aspired]
            if aspired and all(one.state is State.END for one in aspired):
                failed.extend(_failure(name, one) for one in aspired)
        if failed:
            raise Unknown(f"{len(failed)} servable(s) did not become available: {{{''.join(failed)}}}")

    def _advance(self, name: str) -> None:
        records = self._models.get(name, {})
        while not self._closed:
            action = next_action([one.snapshot() for one in records.values()])
            if action is None:
                break
            record = records[action.version]
            match action:
                case Load():
                    self._start_loading(name, record)
                case Unload():
                    record.state = State.UNLOADING
                    self._close_when_idle(name, record)
        self._changed.notify_all()

    def _start_loading(self, name: str, record: _Version[ServableT]) -> None:
        record.state = State.LOADING
        record.retry = None
        if not self._closed:
            self._pool.submit(self._load_one, name, record)

    def _load_one(self, name: str, record: _Version[ServableT]) -> None:
        """In a thread of the pool, without the lock."""
        _LOG.info("loading %s version %d from %s", name, record.number, record.path)
        error: ServerError | None = None
        servable: ServableT | None = None
        try:
            servable = self._load(name, record.number, record.path)
        except ServerError as expected:
            error = expected
        except Exception as fault:
            _LOG.exception("the loader broke on %s version %d", name, record.number)
            error = Internal(f"{type(fault).__name__}: {fault}")
        with self._changed:
            if error is None:
                record.servable, record.state, record.error = servable, State.AVAILABLE, None
                _LOG.info("serving %s version %d", name, record.number)
            else:
                self._load_failed(name, record, error)
            self._advance(name)

    def _load_failed(self, name: str, record: _Version[ServableT], error: ServerError) -> None:
        record.attempts += 1
        again = record.aspired and record.attempts <= self._retries and not self._closed
        what_next = f"next attempt in {self._retry_interval_s:g} s" if again else "given up"
        _LOG.error("cannot load %s version %d (%s): %s", name, record.number, what_next, error.described)
        if not again:
            record.fail(error)
            return
        record.error = error
        record.retry = threading.Timer(self._retry_interval_s, self._retry, (name, record))
        record.retry.daemon = True
        record.retry.start()

    def _retry(self, name: str, record: _Version[ServableT]) -> None:
        """In the timer's thread, without the lock."""
        with self._changed:
            if record.retry is not None:
                self._start_loading(name, record)

    def _release(self, name: str, record: _Version[ServableT]) -> None:
        """In the request's thread, without the lock."""
        with self._changed:
            record.in_flight -= 1
            if record.state is State.UNLOADING:
                self._close_when_idle(name, record)

    def _close_when_idle(self, name: str, record: _Version[ServableT]) -> None:
        if record.in_flight == 0 and not self._closed:
            self._pool.submit(self._close_one, name, record)

    def _close_one(self, name: str, record: _Version[ServableT]) -> None:
        """In a thread of the pool, without the lock."""
        servable, record.servable = record.servable, None
        if servable is not None:
            servable.close()
        with self._changed:
            record.state = State.END
            _LOG.info("unloaded %s version %d", name, record.number)
            self._advance(name)


def _failure(name: str, record: _Version[ServableT]) -> str:
    reason = f" due to error: {record.error.described}" if record.error else ""
    return f"{{name: {name} version: {record.number}{reason}}}, "
