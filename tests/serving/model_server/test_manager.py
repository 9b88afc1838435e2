"""The registry with a loader of the test's own: every state is held still and looked at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.model_server.config import Latest, ModelConfig
from serving.model_server.core import Core, ModelSpec
from serving.model_server.errors import DataLoss, DeadlineExceeded, FailedPrecondition, NotFound, ServerError, Unknown
from serving.model_server.manager import Manager
from serving.model_server.policy import State
from tests.serving.model_server.conftest import eventually


class FakeServable:
    """Knows its version and whether it was closed."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class FakeLoader:
    """Loads what `allow` lets through and fails what `break_` names."""

    def __init__(self) -> None:
        self.gates: dict[int, threading.Event] = {}
        self.broken: dict[int, ServerError] = {}
        self.attempts: list[int] = []

    def hold(self, version: int) -> threading.Event:
        return self.gates.setdefault(version, threading.Event())

    def __call__(self, _name: str, version: int, _path: Path) -> FakeServable:
        self.attempts.append(version)
        if version in self.gates:
            assert self.gates[version].wait(30)
        if version in self.broken:
            raise self.broken[version]
        return FakeServable(version)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def manager(loader: FakeLoader) -> Iterator[Manager[FakeServable]]:
    manager = Manager(loader, retries=2, retry_interval_s=0.01)
    yield manager
    manager.close()


def aspire(manager: Manager[FakeServable], *versions: int) -> None:
    manager.set_aspired("m", {version: Path(f"/m/{version}") for version in versions})


def states(manager: Manager[FakeServable]) -> dict[int, State]:
    return {one.version: one.state for one in manager.statuses("m")}


def wait_for(manager: Manager[FakeServable], expected: dict[int, State]) -> None:
    eventually(lambda: states(manager) == expected, within_s=20, what=f"{expected}")


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
        with pytest.raises(NotFound, match=r"Servable not found for request: Specific\(m, 1\)"):
            manager.lease("m", 1)
    wait_for(manager, {2: State.AVAILABLE, 1: State.END})
    assert lease.servable.closed.is_set()


def test_versions_wait_at_start_while_another_loads(manager: Manager[FakeServable], loader: FakeLoader) -> None:
    gate = loader.hold(2)
    aspire(manager, 1, 2)
    wait_for(manager, {2: State.LOADING, 1: State.START})
    gate.set()
    wait_for(manager, {2: State.AVAILABLE, 1: State.AVAILABLE})


def test_a_version_that_fails_is_tried_again_and_then_ends_with_its_error(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    loader.broken[2] = DataLoss("damaged")
    aspire(manager, 2)
    wait_for(manager, {2: State.END, 1: State.AVAILABLE})
    assert loader.attempts == [1, 2, 2, 2]
    assert isinstance(manager.statuses("m")[0].error, DataLoss)
    with manager.lease("m", None) as lease:
        assert lease.version == 1


def test_a_version_that_recovers_between_attempts_serves(manager: Manager[FakeServable], loader: FakeLoader) -> None:
    loader.broken[1] = DataLoss("damaged")
    gate = loader.hold(1)
    aspire(manager, 1)
    eventually(lambda: loader.attempts == [1], within_s=20)
    gate.set()
    eventually(lambda: len(loader.attempts) > 1, within_s=20)
    loader.broken.clear()
    wait_for(manager, {1: State.AVAILABLE})
    assert manager.statuses("m")[0].error is None


def test_a_loader_that_breaks_ends_the_version_and_not_the_manager(
    manager: Manager[FakeServable], loader: FakeLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_name: str, _version: int, _path: Path) -> FakeServable:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(manager, "_load", broken)
    aspire(manager, 1)
    wait_for(manager, {1: State.END})
    assert str(manager.statuses("m")[0].error) == "ZeroDivisionError: oops"


def test_a_version_comes_back_after_its_end(manager: Manager[FakeServable]) -> None:
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})
    aspire(manager)
    wait_for(manager, {1: State.END})
    aspire(manager, 1)
    wait_for(manager, {1: State.AVAILABLE})


def test_waiting_ends_with_the_errors_when_no_version_is_left(
    manager: Manager[FakeServable], loader: FakeLoader
) -> None:
    loader.broken[1] = DataLoss("damaged")
    aspire(manager, 1)
    text = r"1 servable\(s\) did not become available: {{name: m version: 1 due to error: DATA_LOSS: damaged}, }"
    with pytest.raises(Unknown, match=text):
        manager.wait_available(["m"], abandoned=lambda: False)


def test_waiting_for_a_model_without_versions_ends_at_the_deadline(manager: Manager[FakeServable]) -> None:
    with pytest.raises(DeadlineExceeded):
        manager.wait_available(["m"], timeout_s=0.05, abandoned=lambda: False)


def model(base_path: Path, **labels: int) -> ModelConfig:
    return ModelConfig("m", base_path, policy=Latest(5), labels=labels)


def test_a_label_moves_only_to_a_version_that_serves(
    manager: Manager[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    (tmp_path / "1").mkdir()
    core = Core(manager)
    core.reload((model(tmp_path),))
    core.reload((model(tmp_path, stable=1),))
    (tmp_path / "2").mkdir()
    refused = "Request to assign label to version 2 of model m, which is not currently available for inference"
    with pytest.raises(FailedPrecondition, match=refused):
        core.reload((model(tmp_path, stable=2),))
    assert loader.attempts == [1]
    core.poll_file_system()
    wait_for(manager, {2: State.AVAILABLE, 1: State.AVAILABLE})
    core.reload((model(tmp_path, stable=2),))
    with core.lease(ModelSpec("m", label="stable")) as lease:
        assert lease.version == 2


def test_with_the_flag_an_unused_label_may_wait_for_its_version_and_a_used_one_may_not(
    manager: Manager[FakeServable], tmp_path: Path
) -> None:
    (tmp_path / "1").mkdir()
    core = Core(manager, allow_labels_for_unavailable=True)
    core.reload((model(tmp_path, stable=1),))
    core.reload((model(tmp_path, stable=1, canary=2),))
    with pytest.raises(NotFound, match=r"Servable not found for request: Specific\(m, 2\)"):
        core.lease(ModelSpec("m", label="canary"))
    with pytest.raises(FailedPrecondition):
        core.reload((model(tmp_path, stable=3),))


def test_a_base_path_that_goes_away_unloads_nothing(manager: Manager[FakeServable], tmp_path: Path) -> None:
    base = tmp_path / "m"
    (base / "1").mkdir(parents=True)
    core = Core(manager)
    core.reload((model(base),))
    base.rename(tmp_path / "elsewhere")
    core.poll_file_system()
    assert states(manager) == {1: State.AVAILABLE}
