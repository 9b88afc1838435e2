"""The model list over the manager, without a socket: reload, labels, what the disk holds, and what is waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from serving.model_server.errors import (
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unknown,
)
from serving.model_server.versions.config import Latest, ModelConfig, Specific
from serving.model_server.versions.core import Core, ModelSpec
from serving.model_server.versions.manager import Manager
from serving.model_server.versions.policy import State
from tests.serving.model_server.conftest import eventually
from tests.serving.model_server.versions.fake_loader import FakeLoader, FakeServable

REFUSED = "^Request to assign label to version {} of model m, which is not currently available for inference$"


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def manager(loader: FakeLoader) -> Iterator[Manager[FakeServable]]:
    manager = Manager(loader)
    yield manager
    manager.close()


@pytest.fixture
def core(manager: Manager[FakeServable]) -> Core[FakeServable]:
    return Core(manager)


def model(base_path: Path, *versions: int, name: str = "m", keep: int = 5, **labels: int) -> ModelConfig:
    """A model of the list, with these versions on disk."""
    base_path.mkdir(exist_ok=True)
    for version in versions:
        (base_path / str(version)).mkdir(exist_ok=True)
    return ModelConfig(name, base_path, policy=Latest(keep), labels=labels)


def states(core: Core[FakeServable], name: str = "m") -> dict[int, State]:
    """The state of each version; none of a model that the core has not met yet."""
    try:
        return {one.version: one.state for one in core.statuses(ModelSpec(name))}
    except NotFound:
        return {}


def wait_for(core: Core[FakeServable], expected: dict[int, State], name: str = "m") -> None:
    eventually(lambda: states(core, name) == expected, within_s=20, what=f"{expected}")


def labelled(core: Core[FakeServable], label: str) -> int:
    with core.lease(ModelSpec("m", label=label)) as lease:
        return lease.version


def test_a_label_moves_only_to_a_version_that_serves_and_a_refused_list_changes_nothing(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition, match=REFUSED.format(1)):
        core.start((model(tmp_path, 1, stable=1),))
    core.start((model(tmp_path),))
    core.reload((model(tmp_path, stable=1),))
    with pytest.raises(FailedPrecondition, match=REFUSED.format(2)):
        core.reload((model(tmp_path, 2, stable=2), model(tmp_path / "other", 1, name="other")))
    assert loader.attempts == [("m", 1)]
    assert labelled(core, "stable") == 1
    core.poll_file_system()
    wait_for(core, {2: State.AVAILABLE, 1: State.AVAILABLE})
    core.reload((model(tmp_path, stable=2),))
    assert labelled(core, "stable") == 2


def test_with_the_flag_an_unused_label_may_wait_for_its_version_and_a_used_one_may_not(
    manager: Manager[FakeServable], tmp_path: Path
) -> None:
    core = Core(manager, allow_labels_for_unavailable=True)
    core.start((model(tmp_path, 1, stable=1),))
    core.reload((model(tmp_path, stable=1, canary=2),))
    with pytest.raises(NotFound, match=r"^Servable not found for request: Specific\(m, 2\)$"):
        core.lease(ModelSpec("m", label="canary"))
    core.reload((model(tmp_path, stable=1, canary=2),))
    with pytest.raises(FailedPrecondition, match=REFUSED.format(3)):
        core.reload((model(tmp_path, stable=3),))
    with pytest.raises(FailedPrecondition, match=REFUSED.format(3)):
        core.reload((model(tmp_path, stable=1, canary=3),))
    (tmp_path / "2").mkdir()
    core.poll_file_system()
    eventually(lambda: states(core)[2] is State.AVAILABLE)
    assert labelled(core, "canary") == 2


def test_a_label_left_out_is_gone_and_may_be_given_anew(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start((model(tmp_path, 1),))
    core.reload((model(tmp_path, stable=1, old=1),))
    core.reload((model(tmp_path, stable=1),))
    for unknown in (ModelSpec("m", label="old"), ModelSpec("no such model", label="stable")):
        with pytest.raises(InvalidArgument, match=f"^Unrecognized servable version label: {unknown.label}$"):
            core.lease(unknown)
    core.reload((model(tmp_path, old=1),))
    assert labelled(core, "old") == 1


def test_a_status_asked_for_by_label_has_all_versions(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start((model(tmp_path, 1, 2),))
    wait_for(core, {2: State.AVAILABLE, 1: State.AVAILABLE})
    assert [one.version for one in core.statuses(ModelSpec("m", label="any"))] == [2, 1]
    assert [one.version for one in core.statuses(ModelSpec("m", version=1))] == [1]
    with pytest.raises(NotFound, match=r"^Could not find version 3 of model m$"):
        core.statuses(ModelSpec("m", version=3))
    with pytest.raises(NotFound, match=r"^Could not find any versions of model n$"):
        core.statuses(ModelSpec("n"))
    with pytest.raises(InvalidArgument, match=r"^ModelSpec has no name specified\.$"):
        core.lease(ModelSpec(""))


def test_a_request_whose_label_moves_under_it_runs_on_the_new_version(
    core: Core[FakeServable], manager: Manager[FakeServable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.start((model(tmp_path, 1, 2),))
    wait_for(core, {2: State.AVAILABLE, 1: State.AVAILABLE})
    core.reload((model(tmp_path, stable=1),))
    find = core._version

    def find_and_then_move(spec: ModelSpec) -> int | None:
        monkeypatch.undo()
        version = find(spec)
        core.reload((model(tmp_path, keep=1, stable=2),))
        wait_for(core, {2: State.AVAILABLE, 1: State.END})
        return version

    monkeypatch.setattr(core, "_version", find_and_then_move)
    assert labelled(core, "stable") == 2


def test_the_start_fails_with_the_error_of_every_model_once_each_has_settled(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    gate = loader.hold(1, "good")
    loader.break_(7, DataLoss("damaged"), "bad")
    loader.break_(2, DataLoss("torn"), "worse")
    models = (
        model(tmp_path / "w", 2, name="worse"),
        model(tmp_path / "b", 7, name="bad"),
        model(tmp_path / "g", 1, name="good"),
    )
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(core.start, models)
        wait_for(core, {7: State.END}, "bad")
        assert not start.done()
        gate.set()
        with pytest.raises(Unknown) as failure:
            start.result(30)
    assert str(failure.value) == (
        "2 servable(s) did not become available: {"
        "{{name: bad version: 7} due to error: DATA_LOSS: damaged}, "
        "{{name: worse version: 2} due to error: DATA_LOSS: torn}, }"
    )


def test_a_version_that_leaves_as_soon_as_it_serves_has_still_been_loaded(
    core: Core[FakeServable], manager: Manager[FakeServable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until = manager.wait_until

    def wait_and_lose(holds: Callable[[], bool], **options: Any) -> None:
        wait_until(holds, **options)
        (tmp_path / "1").rmdir()
        core.poll_file_system()

    monkeypatch.setattr(manager, "wait_until", wait_and_lose)
    core.start((model(tmp_path, 1),))
    wait_for(core, {1: State.END})


def test_a_model_that_returns_to_the_list_is_warned_about_again(
    core: Core[FakeServable], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = ModelConfig("m", tmp_path / "nowhere")
    for models in ((nowhere,), (), (nowhere,)):
        core.replace_models(models)
    assert caplog.text.count("Could not find base path") == 2


def test_a_reload_says_model_and_the_new_one_stays_in_the_list(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    core.start(())
    loader.break_(1, DataLoss("damaged"))
    expected = r"^1 model\(s\) did not become available: {{{name: m version: 1} due to error: DATA_LOSS: damaged}, }$"
    with pytest.raises(Unknown, match=expected):
        core.reload((model(tmp_path, 1),))
    core.reload((model(tmp_path),))
    assert states(core) == {1: State.END}
    (tmp_path / "2").mkdir()
    core.poll_file_system()
    wait_for(core, {2: State.AVAILABLE, 1: State.END})


def test_a_model_with_one_version_that_serves_does_not_fail_the_start(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    gate = loader.hold(1)
    loader.break_(2, DataLoss("damaged"))
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(core.start, (model(tmp_path, 1, 2),))
        wait_for(core, {2: State.END, 1: State.LOADING})
        gate.set()
        start.result(30)


def test_a_reload_does_not_wait_for_a_new_version_of_a_known_model(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    core.start((model(tmp_path, 1),))
    gate = loader.hold(2)
    core.reload((model(tmp_path, 2, keep=1),))
    wait_for(core, {2: State.LOADING, 1: State.AVAILABLE})
    gate.set()
    wait_for(core, {2: State.AVAILABLE, 1: State.END})


def test_a_reload_that_waits_holds_up_no_other_and_ends_if_that_drops_the_model(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    core.start(())
    gate = loader.hold(1, "slow")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(core.reload, (model(tmp_path / "s", 1, name="slow"),))
        eventually(lambda: loader.counts("slow"))
        core.reload((model(tmp_path / "m", 1),))
        assert states(core) == {1: State.AVAILABLE}
        slow.result(30)
    gate.set()
    wait_for(core, {1: State.END}, "slow")


def test_a_reload_waits_until_its_deadline_or_until_the_caller_goes(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start(())
    nowhere = ModelConfig("m", tmp_path / "nowhere")
    with pytest.raises(DeadlineExceeded):
        core.reload((nowhere,), timeout_s=0.05)
    gone = threading.Event()
    threading.Timer(0.05, gone.set).start()
    core.reload(())
    with pytest.raises(Unavailable):
        core.reload((nowhere,), abandoned=gone.is_set)


def test_a_model_that_leaves_the_list_is_unloaded_and_loads_anew_when_it_returns(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path
) -> None:
    listed = model(tmp_path, 1)
    core.start((listed,))
    with core.lease(ModelSpec("m")) as lease:
        core.reload(())
        assert states(core) == {1: State.UNLOADING}
        with pytest.raises(NotFound, match=r"Latest\(m\)"):
            core.lease(ModelSpec("m"))
        with ThreadPoolExecutor(1) as pool:
            back = pool.submit(core.reload, (listed,))
            lease.__exit__(None, None, None)
            back.result(30)
        lease.__enter__()
        lease._release = lambda: None
    assert states(core) == {1: State.AVAILABLE}
    assert loader.counts() == {1: 2}


def test_the_same_list_twice_loads_nothing_and_logs_nothing(
    core: Core[FakeServable], loader: FakeLoader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    listed = model(tmp_path, 1, stable=1)
    core.start((model(tmp_path),))
    core.reload((listed,))
    assert f"model m: the latest 5 versions from {tmp_path}, stable = 1" in caplog.text
    caplog.clear()
    core.reload((listed,))
    core.poll_file_system()
    assert caplog.messages == []
    assert loader.counts() == {1: 1}


def test_a_known_model_may_change_its_base_path(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start((model(tmp_path / "old", 1, 2, keep=1),))
    core.reload((model(tmp_path / "new", 2, 3, keep=1),))
    wait_for(core, {3: State.AVAILABLE, 2: State.END})
    with core.lease(ModelSpec("m")) as lease:
        assert lease.servable.path == tmp_path / "new" / "3"


def test_a_list_is_checked_in_tensorflow_servings_order(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start((model(tmp_path, 1),))
    changed = ModelConfig("m", tmp_path, platform="foo", labels={"stable": 9})
    added = ModelConfig("n", tmp_path, platform="foo", labels={"stable": 9})
    message = (
        "^Illegal to change a model's platform. For model m platform was tensorflow and new platform requested is foo$"
    )
    with pytest.raises(InvalidArgument, match=message):
        core.reload((changed, added))
    with pytest.raises(FailedPrecondition, match="label to version 9 of model n"):
        core.reload((added,))
    with pytest.raises(InvalidArgument, match=r"^Model n requests unsupported platform foo$"):
        core.reload((ModelConfig("n", tmp_path, platform="foo"),))
    assert states(core) == {1: State.AVAILABLE}


def test_no_list_is_fine_at_the_start_and_refused_later(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start(None)
    assert core.replace_models(None) == set()
    core.reload((model(tmp_path, 1),))
    with pytest.raises(FailedPrecondition, match=r"^Cannot transition to requested config. It is only legal to "):
        core.replace_models(None)
    assert states(core) == {1: State.AVAILABLE}


def test_a_base_path_that_goes_away_unloads_nothing_and_holds_up_no_other_model(
    core: Core[FakeServable], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = tmp_path / "m"
    core.start((model(base, 1), model(tmp_path / "n", 1, name="n")))
    base.rename(tmp_path / "elsewhere")
    (tmp_path / "n" / "2").mkdir()
    for _ in range(3):
        core.poll_file_system()
    wait_for(core, {2: State.AVAILABLE, 1: State.AVAILABLE}, "n")
    assert states(core) == {1: State.AVAILABLE}
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [f"Could not find base path {base} for servable m with error No such file or directory"]


def test_an_empty_base_path_unloads_everything(core: Core[FakeServable], tmp_path: Path) -> None:
    core.start((model(tmp_path, 1),))
    (tmp_path / "1").rmdir()
    core.poll_file_system()
    wait_for(core, {1: State.END})


def test_a_specific_version_that_is_absent_is_warned_about_once_and_served_when_it_comes(
    core: Core[FakeServable], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1").mkdir()
    core.start((ModelConfig("m", tmp_path, policy=Specific(frozenset({1, 3}))),))
    core.poll_file_system()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "Version 3 of servable m, which was requested to be served as a 'specific' version in the servable's version "
        "policy, was not found in the file system"
    ]
    for version in (2, 3):
        (tmp_path / str(version)).mkdir()
    core.poll_file_system()
    wait_for(core, {3: State.AVAILABLE, 1: State.AVAILABLE})


def test_without_looks_at_the_file_system_nothing_is_ever_found(manager: Manager[FakeServable], tmp_path: Path) -> None:
    core = Core(manager, look_at_file_system=False)
    with pytest.raises(DeadlineExceeded):
        core.reload((model(tmp_path, 1),), timeout_s=0.05)
    with pytest.raises(NotFound):
        core.statuses(ModelSpec("m"))
