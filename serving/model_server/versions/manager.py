"""The registry of versions: carries out the policy's actions and hands out loaded versions to requests.

Thin: it decides nothing (that is `policy`) and knows nothing of TensorFlow (the loader is given to it). Thread-safe:
one lock, never held while something is loaded or closed, so that no load can hold up a request or another model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Condition, RLock, Timer
from typing import Generic

from serving.model_server import cpus
from serving.model_server.errors import DeadlineExceeded, Internal, NotFound, ServerError, Unavailable
from serving.model_server.versions.lifecycle import Lease, ServableT, Version, VersionStatus
from serving.model_server.versions.memory import resident_mb
from serving.model_server.versions.policy import Load, State, Unload, next_action

_LOG = logging.getLogger(__name__)
_WATCH_S = 0.2

Loader = Callable[[str, int, Path], ServableT]


class _Model(Generic[ServableT]):
    """The versions that a model has or had, and those that it should have."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wanted: Mapping[int, Path] = {}
        self.versions: dict[int, Version[ServableT]] = {}
        self.available: dict[int, Version[ServableT]] = {}

    def reconcile(self) -> None:
        """Marks the versions as aspired or not, and adds new ones.

        A wanted one that is UNLOADING has to come to its END before it can start anew. Until then all stays as it is,
        or what serves now would go before there is anything in its place.
        """
        known = self.versions
        if any(number in known and known[number].state is State.UNLOADING for number in self.wanted):
            return
        for version in known.values():
            if version.aspired and version.number not in self.wanted:
                version.dismiss()
        for number, path in self.wanted.items():
            if number not in known or known[number].ended_unwanted:
                known[number] = Version(self.name, number, path)
            else:
                # Still loaded, or on its way: no second load is needed, be its path another by now.
                known[number].aspired = True

    def serving(self, number: int | None) -> Version[ServableT] | None:
        """The version of that number, or the highest, if it is AVAILABLE."""
        return self.available.get(max(self.available, default=0) if number is None else number)


class Manager(Generic[ServableT]):
    """Every version of every model, from START to END."""

    def __init__(
        self,
        load: Loader[ServableT],
        *,
        retries: int = 0,
        retry_interval_s: float = 60.0,
        load_threads: int = 0,
        unload_threads: int = 0,
    ) -> None:
        """Starts with no model.

        Args:
            load: Makes a servable of (model name, version, path); raises ServerError.
            retries: Further attempts for a version that fails to load.
            retry_interval_s: Seconds between them.
            load_threads: How many versions load at the same time; 0: four a CPU.
            unload_threads: How many are closed at the same time; 0: four.
        """
        self._load = load
        self._retries = retries
        self._retry_interval_s = retry_interval_s
        self._models: dict[str, _Model[ServableT]] = {}
        # A condition enters its lock through Python; requests take the lock itself, at a third of the cost.
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._loads = ThreadPoolExecutor(load_threads or 4 * cpus.USABLE, thread_name_prefix="load")
        # Apart from the loads: a slow one must not keep memory from being freed.
        self._unloads = ThreadPoolExecutor(unload_threads or 4, thread_name_prefix="unload")
        self._closed = False

    def set_aspired(self, name: str, versions: Mapping[int, Path]) -> None:
        """Says which versions of a model are wanted; loading and unloading follow by themselves."""
        with self._lock:
            model = self._models.setdefault(name, _Model(name))
            if model.wanted != versions:
                model.wanted = dict(versions)
                self._advance(model)

    def lease(self, name: str, version: int | None) -> Lease[ServableT]:
        """A version to run a request on: the given one, or the highest that is AVAILABLE.

        Raises:
            NotFound: It is not loaded.
        """
        with self._lock:
            model = self._models.get(name)
            serving = model.serving(version) if model is not None else None
            if model is None or serving is None or serving.servable is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise NotFound(f"Servable not found for request: {asked}")
            serving.in_flight += 1
            return Lease(serving.servable, serving.number, lambda: self._release(model, serving))

    def statuses(self, name: str) -> list[VersionStatus]:
        """Every version that the model has or had, newest first."""
        with self._lock:
            model = self._models.get(name)
            if model is None:
                return []
            newest_first = sorted(model.versions.values(), key=lambda one: -one.number)
            return [one.status(wanted=one.number in model.wanted) for one in newest_first]

    def wait_until(
        self, holds: Callable[[], bool], *, timeout_s: float | None = None, abandoned: Callable[[], bool]
    ) -> None:
        """Waits for a condition on the versions' states.

        Args:
            holds: The condition; asked whenever a state has changed.
            timeout_s: How long to wait; None: as long as it takes.
            abandoned: Asked now and then; True ends the wait.

        Raises:
            DeadlineExceeded: Not in time.
            Unavailable: Abandoned, or the server stops.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._lock:
            while not holds():
                if self._closed or abandoned():
                    raise Unavailable("The wait for the models was given up")
                if deadline_s is not None and time.monotonic() >= deadline_s:
                    raise DeadlineExceeded("Models did not become available in time")
                self._changed.wait(_WATCH_S)

    def close(self) -> None:
        """Starts no further load; requests in flight keep what they have."""
        with self._lock:
            self._closed = True
            for model in self._models.values():
                for version in model.versions.values():
                    version.stop_retrying()
            self._changed.notify_all()
        self._loads.shutdown(wait=False, cancel_futures=True)
        self._unloads.shutdown(wait=False, cancel_futures=True)

    def _advance(self, model: _Model[ServableT]) -> None:
        """Does what the policy says until it has nothing more to say. With the lock held."""
        model.reconcile()
        while not self._closed:
            match next_action([one.snapshot() for one in model.versions.values()]):
                case Load(number):
                    version = model.versions[number]
                    version.load_requested = True
                    self._loads.submit(self._attempt, model, version)
                case Unload(number):
                    version = model.available.pop(number)
                    version.state = State.UNLOADING
                    self._close_if_idle(model, version)
                case None:
                    break
        self._changed.notify_all()

    def _attempt(self, model: _Model[ServableT], version: Version[ServableT]) -> None:
        """Loads a version, or plans another attempt. In a thread of the pool."""
        with self._lock:
            if self._closed or version.state is State.END:
                return
            version.retry = None
            version.state = State.LOADING
            self._changed.notify_all()
        _LOG.info("loading %s from %s", version, version.path)
        started_s = time.monotonic()
        outcome = self._outcome(version)
        if isinstance(outcome, ServerError):
            self._failed(model, version, outcome)
        else:
            self._loaded(model, version, outcome, time.monotonic() - started_s)

    def _outcome(self, version: Version[ServableT]) -> ServableT | ServerError:
        try:
            return self._load(version.name, version.number, version.path)
        except ServerError as expected:
            # A new one: the traceback would keep alive whatever the loader had in its hands.
            return type(expected)(str(expected))
        except Exception as fault:
            _LOG.exception("the loader broke on %s", version)
            return Internal(f"{type(fault).__name__}: {fault}")

    def _loaded(
        self, model: _Model[ServableT], version: Version[ServableT], servable: ServableT, spent_s: float
    ) -> None:
        with self._lock:
            in_time = version.loaded(servable)
            if in_time:
                model.available[version.number] = version
            self._advance(model)
        if in_time:
            _LOG.info("serving %s, loaded in %.2f s; the process holds %d MB", version, spent_s, resident_mb())
        else:
            self._close(model, version)

    def _failed(self, model: _Model[ServableT], version: Version[ServableT], error: ServerError) -> None:
        with self._lock:
            again = version.failed(error, retries=self._retries) and not self._closed
            what_next = f"next attempt in {self._retry_interval_s:g} s" if again else "given up"
            _LOG.error("cannot load %s (%s): %s", version, what_next, error.described)
            if again:
                version.retry = Timer(self._retry_interval_s, self._retry, (model, version))
                version.retry.daemon = True
                version.retry.start()
            self._advance(model)

    def _retry(self, model: _Model[ServableT], version: Version[ServableT]) -> None:
        """In the timer's thread."""
        with self._lock:
            if version.retry is not None and not self._closed:
                self._loads.submit(self._attempt, model, version)

    def _release(self, model: _Model[ServableT], version: Version[ServableT]) -> None:
        """In the request's thread."""
        with self._lock:
            version.in_flight -= 1
            if version.state is State.UNLOADING:
                self._close_if_idle(model, version)

    def _close_if_idle(self, model: _Model[ServableT], version: Version[ServableT]) -> None:
        if version.in_flight == 0 and not self._closed:
            self._unloads.submit(self._close, model, version)

    def _close(self, model: _Model[ServableT], version: Version[ServableT]) -> None:
        """Frees a version that nobody uses any more. In a thread of the pool."""
        servable, version.servable = version.servable, None
        try:
            if servable is not None:
                servable.close()
        except Exception:
            _LOG.exception("%s did not close cleanly", version)
        with self._lock:
            version.state = State.END
            self._advance(model)
        _LOG.info("unloaded %s; the process holds %d MB", version, resident_mb())
