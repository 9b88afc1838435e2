"""The registry with a loader of the test's own: every state is held still and looked at."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.model_server.errors import Cancelled, DataLoss, DeadlineExceeded, NotFound, Unavailable
from serving.model_server.versions.manager import Manager
from serving.model_server.versions.policy import State
from tests.serving.model_server.conftest import eventually
from tests.serving.model_server.versions.fake_loader import FakeLoader, FakeServable

DAMAGED = DataLoss("damaged")


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def manager(loader: FakeLoader) -> Iterator[Manager[FakeServable]]:
    manager = Manager(loader, retries=2, retry_interval_s=0.01)
    yield manager
    manager.close()


def aspire(manager: Manager[FakeServable], *versions: int, name: str = "m", base: str = "/m") -> None:
    manager.set_aspired(name, {version: Path(f"{base}/{version}") for version in versions})


def states(manager: Manager[FakeServable], name: str = "m") -> dict[int, State]:
    return {one.version: one.state for one in manager.statuses(name)}


def wait_for(manager: Manager[FakeServable], expected: dict[int, State], name: str = "m") -> None:
    eventually(lambda: states(manager, name) == expected, within_s=20, what=f"{expected}")


def test_a_new_version_is_loaded_before_the_old_one_is_unloaded(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    gate = loader.hold(2)
    aspire(manager, 2)
    wait_for(manager, {2: State.LOADING, 1: State.AVAILABLE})
    with manager.lease("m", None) as lease:
        assert lease.version == 1
    gate.set()
    wait_for(manager, {2: State.AVAILABLE, 1: State.END})


def test_a_request_keeps_the_version_it_started_with(manager: Manager[FakeServable]) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    with manager.lease("m", None) as lease:
        aspire(manager, 2)
        wait_for(manager, {2: State.AVAILABLE, 1: State.UNLOADING})
        assert not lease.servable.closed.is_set()
        with pytest.raises(NotFound, match=r"^Servable not found for request: Specific\(m, 1\)$"):
            manager.lease("m", 1)
    wait_for(manager, {2: State.AVAILABLE, 1: State.END})
    assert lease.servable.closed.is_set()


def test_without_a_version_the_highest_that_serves_answers(manager: Manager[FakeServable]) -> None:
    aspire(manager, 1, 2, 10)
    wait_for(manager, {10: State.AVAILABLE, 2: State.AVAILABLE, 1: State.AVAILABLE})
    assert manager.lease("m", None).version == 10
    assert manager.lease("m", 1).version == 1
    with pytest.raises(NotFound, match=r"^Servable not found for request: Latest\(n\)$"):
        manager.lease("n", None)


def test_versions_load_side_by_side_and_wait_at_start_for_a_free_thread(loader: FakeLoader) -> None:
    manager = Manager(loader, load_threads=2)
    gates = [loader.hold(version) for version in (1, 2, 3)]
    aspire(manager, 1, 2, 3)
    wait_for(manager, {3: State.LOADING, 2: State.LOADING, 1: State.START})
    for gate in gates:
        gate.set()
    wait_for(manager, {3: State.AVAILABLE, 2: State.AVAILABLE, 1: State.AVAILABLE})
    manager.close()


def test_a_version_that_is_slow_to_load_holds_up_no_other_model_and_no_request(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    gate = loader.hold(1, "slow")
    aspire(manager, 1, name="slow")
    for number in range(100):
        aspire(manager, 1, name=f"quick{number}")
    for number in range(100):
        wait_for(manager, {1: State.AVAILABLE}, f"quick{number}")
        with manager.lease(f"quick{number}", None) as lease:
            assert lease.version == 1
    assert states(manager, "slow") == {1: State.LOADING}
    gate.set()
    wait_for(manager, {1: State.AVAILABLE}, "slow")


def test_a_version_that_fails_is_tried_again_and_then_ends_with_its_error(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    loader.break_(2, DAMAGED)
    aspire(manager, 2)
    wait_for(manager, {2: State.END, 1: State.AVAILABLE})
    assert loader.counts() == {1: 1, 2: 3}
    error = manager.statuses("m")[0].error
    assert isinstance(error, DataLoss)
    assert (str(error), error.__traceback__) == ("damaged", None)
    with manager.lease("m", None) as lease:
        assert lease.version == 1


def test_an_error_shows_in_the_status_once_it_is_final(loader: FakeLoader) -> None:
    manager = Manager(loader, retries=1, retry_interval_s=600)
    loader.break_(1, DAMAGED)
    aspire(manager, 1)
    eventually(lambda: loader.counts() == {1: 1})
    assert [(one.state, one.error) for one in manager.statuses("m")] == [(State.LOADING, None)]
    manager.close()


def test_a_version_that_is_no_longer_aspired_is_not_tried_again(loader: FakeLoader) -> None:
    manager = Manager(loader, retries=5, retry_interval_s=600)
    loader.break_(1, DAMAGED)
    aspire(manager, 1)
    eventually(lambda: loader.counts() == {1: 1})
    aspire(manager)
    wait_for(manager, {1: State.END})
    assert str(manager.statuses("m")[0].error) == "damaged"
    assert loader.counts() == {1: 1}
    manager.close()


def test_a_version_that_waits_for_its_next_attempt_holds_up_no_other(loader: FakeLoader) -> None:
    manager = Manager(loader, retries=5, retry_interval_s=600, load_threads=1)
    loader.break_(2, DAMAGED)
    aspire(manager, 1, 2)
    wait_for(manager, {2: State.LOADING, 1: State.AVAILABLE})
    manager.close()


def test_a_version_that_recovers_between_attempts_serves(manager: Manager[FakeServable], loader: FakeLoader) -> None:
    loader.break_(1, DAMAGED)
    gate = loader.hold(1)
    aspire(manager, 1)
    eventually(lambda: loader.counts() == {1: 1}, within_s=20)
    second = loader.hold_next(1)
    gate.set()
    eventually(lambda: loader.counts() == {1: 2}, within_s=20)
    loader.broken.clear()
    second.set()
    wait_for(manager, {1: State.AVAILABLE})
    assert manager.statuses("m")[0].error is None


def test_a_version_replaced_while_it_loads_never_serves(manager: Manager[FakeServable], loader: FakeLoader) -> None:
    gate = loader.hold(1)
    aspire(manager, 1)
    wait_for(manager, {1: State.LOADING})
    aspire(manager, 2)
    wait_for(manager, {2: State.AVAILABLE, 1: State.LOADING})
    gate.set()
    wait_for(manager, {2: State.AVAILABLE, 1: State.END})
    assert [one.closed.is_set() for one in loader.made] == [False, True]
    assert isinstance(manager.statuses("m")[1].error, Cancelled)


def test_a_version_dismissed_before_its_turn_is_never_loaded(loader: FakeLoader) -> None:
    manager = Manager(loader, load_threads=1)
    gate = loader.hold(2)
    aspire(manager, 1, 2)
    wait_for(manager, {2: State.LOADING, 1: State.START})
    aspire(manager, 2)
    wait_for(manager, {2: State.LOADING, 1: State.END})
    gate.set()
    wait_for(manager, {2: State.AVAILABLE, 1: State.END})
    assert loader.counts() == {2: 1}
    manager.close()


def test_a_loader_that_breaks_ends_the_version_and_not_the_manager(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_name: str, _version: int, _path: Path) -> FakeServable:
        raise ZeroDivisionError("oops")

    manager = Manager(broken)
    aspire(manager, 1)
    wait_for(manager, {1: State.END})
    assert str(manager.statuses("m")[0].error) == "ZeroDivisionError: oops"
    assert "the loader broke on m version 1" in caplog.text
    manager.close()


def test_a_servable_that_cannot_be_closed_still_comes_to_its_end(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    loader.made[0].closed.set()
    aspire(manager)
    wait_for(manager, {1: State.END})


def test_a_version_comes_back_after_its_end_even_if_it_was_asked_for_before(manager: Manager[FakeServable]) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    with manager.lease("m", 1) as lease:
        aspire(manager)
        aspire(manager, 1)
        wait_for(manager, {1: State.UNLOADING})
    wait_for(manager, {1: State.AVAILABLE})
    assert lease.servable.closed.is_set()
    assert manager.lease("m", 1).servable is not lease.servable


def test_nothing_leaves_in_favour_of_a_version_that_must_be_unloaded_before_it_can_return(
    manager: Manager[FakeServable],
) -> None:
    aspire(manager, 1, 2)
    wait_for(manager, {2: State.AVAILABLE, 1: State.AVAILABLE})
    with manager.lease("m", 2):
        aspire(manager, 1)
        wait_for(manager, {2: State.UNLOADING, 1: State.AVAILABLE})
        aspire(manager, 2)
        assert manager.lease("m", None).version == 1
    eventually(lambda: states(manager)[2] is State.AVAILABLE)


def test_an_old_version_that_still_serves_is_wanted_again_without_a_second_load(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    gate = loader.hold(2)
    aspire(manager, 2)
    aspire(manager, 1, 2)
    gate.set()
    wait_for(manager, {2: State.AVAILABLE, 1: State.AVAILABLE})
    assert loader.counts() == {1: 1, 2: 1}


def test_a_known_version_is_not_loaded_anew_when_its_path_changes(manager: Manager[FakeServable]) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    aspire(manager, 1, 2, base="/elsewhere")
    wait_for(manager, {2: State.AVAILABLE, 1: State.AVAILABLE})
    assert manager.lease("m", 1).servable.path == Path("/m/1")
    assert manager.lease("m", 2).servable.path == Path("/elsewhere/2")


def test_a_wait_ends_at_its_deadline_when_abandoned_and_when_the_manager_closes(
    manager: Manager[FakeServable],
) -> None:
    with pytest.raises(DeadlineExceeded):
        manager.wait_until(lambda: False, timeout_s=0.05, abandoned=lambda: False)
    with pytest.raises(Unavailable):
        manager.wait_until(lambda: False, abandoned=lambda: True)
    threading.Timer(0.05, manager.close).start()
    with pytest.raises(Unavailable):
        manager.wait_until(lambda: False, abandoned=lambda: False)


def test_nothing_is_loaded_once_the_manager_is_closed(loader: FakeLoader) -> None:
    manager = Manager(loader)
    manager.close()
    aspire(manager, 1)
    assert states(manager) == {1: State.START}
    assert loader.attempts == []


def test_the_log_tells_what_was_loaded_from_where_how_long_it_took_and_the_memory(
    manager: Manager[FakeServable], loader: FakeLoader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loader.break_(2, DAMAGED)
    aspire(manager, 1, 2)
    wait_for(manager, {2: State.END, 1: State.AVAILABLE})
    aspire(manager)
    eventually(lambda: "unloaded m version 1" in caplog.text)
    assert "loading m version 1 from /m/1" in caplog.text
    for line in (
        r"serving m version 1, loaded in \d+\.\d\d s; the process holds \d+ MB",
        r"cannot load m version 2 \(next attempt in 0\.01 s\): DATA_LOSS: damaged",
        r"cannot load m version 2 \(given up\): DATA_LOSS: damaged",
        r"unloaded m version 1; the process holds \d+ MB",
    ):
        assert any(re.fullmatch(line, message) for message in caplog.messages), (line, caplog.messages)
