"""What always holds for the versions of a model, whatever happens to it, in whatever order.

Threads and timers are replaced by lists of steps, so that every interleaving is one that can be told again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from serving.model_server.errors import DataLoss, NotFound
from serving.model_server.versions.lifecycle import Lease
from serving.model_server.versions.manager import Manager
from serving.model_server.versions.policy import State
from tests.serving.model_server.versions.fake_loader import FakeServable

VERSIONS = st.integers(1, 4)
RETRIES = 2
# What may be seen one after the other; a version that comes to its END and starts anew may do both in one step.
NEXT = {
    State.START: {State.START, State.LOADING, State.END},
    State.LOADING: {State.LOADING, State.AVAILABLE, State.UNLOADING, State.END, State.START},
    State.AVAILABLE: {State.AVAILABLE, State.UNLOADING},
    State.UNLOADING: {State.UNLOADING, State.END, State.START},
    State.END: {State.END, State.START},
}


class Steps:
    """An executor whose work is done when a rule says so."""

    def __init__(self, _threads: int, thread_name_prefix: str) -> None:
        self.name = thread_name_prefix
        self.waiting: list[Callable[[], None]] = []

    def submit(self, work: Callable[..., None], *arguments: object) -> None:
        self.waiting.append(lambda: work(*arguments))

    def shutdown(self, **_how: bool) -> None:
        self.waiting.clear()


class StepTimer:
    """A timer that rings when a rule says so."""

    planned: ClassVar[list[StepTimer]] = []

    def __init__(self, _seconds: float, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.ring: Callable[[], None] = lambda: function(*arguments)
        self.daemon = False

    def start(self) -> None:
        self.planned.append(self)

    def cancel(self) -> None:
        if self in self.planned:
            self.planned.remove(self)


def some_wait(steps: Callable[[Life], Sequence[object]]) -> Callable[[Life], bool]:
    return lambda life: bool(steps(life))


class Life(RuleBasedStateMachine):
    """One model: versions are asked for and dismissed, load or fail, and requests hold on to them."""

    def __init__(self) -> None:
        super().__init__()
        StepTimer.planned.clear()
        self.load_fails = False
        self.served = False
        self.wanted: set[int] = set()
        self.leases: list[Lease[FakeServable]] = []
        self.before: dict[int, State] = {}
        with patch("serving.model_server.versions.manager.ThreadPoolExecutor", Steps):
            self.manager = Manager(self.load, retries=RETRIES, retry_interval_s=60)
        self.loads: Steps = cast("Steps", self.manager._loads)
        self.unloads: Steps = cast("Steps", self.manager._unloads)

    def load(self, _name: str, version: int, path: Path) -> FakeServable:
        self.states_follow_one_another_as_in_the_diagram()
        assert self.states()[version] is State.LOADING
        if self.load_fails:
            raise DataLoss("damaged")
        return FakeServable(version, path)

    @rule(versions=st.sets(VERSIONS), base=st.sampled_from(["/a", "/b"]))
    def aspire(self, versions: set[int], base: str) -> None:
        self.wanted = versions
        self.served = self.served and bool(versions)
        self.manager.set_aspired("m", {version: Path(f"{base}/{version}") for version in versions})

    @precondition(some_wait(lambda life: life.loads.waiting))
    @rule(fails=st.booleans(), which=st.randoms(use_true_random=False))
    def run_a_load(self, fails: bool, which: Any) -> None:
        self.load_fails = fails
        step = self.loads.waiting.pop(which.randrange(len(self.loads.waiting)))
        with patch("serving.model_server.versions.manager.Timer", StepTimer):
            step()

    @precondition(some_wait(lambda life: life.unloads.waiting))
    @rule()
    def run_an_unload(self) -> None:
        self.unloads.waiting.pop(0)()

    @precondition(some_wait(lambda _life: StepTimer.planned))
    @rule()
    def ring_a_timer(self) -> None:
        StepTimer.planned.pop(0).ring()

    @rule(version=st.none() | VERSIONS)
    def lease(self, version: int | None) -> None:
        available = {one for one, state in self.states().items() if state is State.AVAILABLE}
        try:
            lease = self.manager.lease("m", version)
        except NotFound:
            assert version not in available if version else not available
        else:
            assert lease.version == (version or max(available)) == lease.servable.version
            self.leases.append(lease)

    @precondition(some_wait(lambda life: life.leases))
    @rule(which=st.randoms(use_true_random=False))
    def release(self, which: Any) -> None:
        with self.leases.pop(which.randrange(len(self.leases))):
            pass

    @invariant()
    def a_lease_never_holds_a_closed_servable(self) -> None:
        assert not any(lease.servable.closed.is_set() for lease in self.leases)

    @invariant()
    def what_once_served_is_never_left_without_a_version(self) -> None:
        serves = State.AVAILABLE in self.states().values()
        assert serves or not self.served
        self.served = self.served or (serves and bool(self.wanted))

    @invariant()
    def states_follow_one_another_as_in_the_diagram(self) -> None:
        after = self.states()
        for version, state in self.before.items():
            assert after[version] in NEXT[state], (version, state, after[version])
        self.before = after

    def states(self) -> dict[int, State]:
        return {one.version: one.state for one in self.manager.statuses("m")}

    def teardown(self) -> None:
        """Once everything has run, what was wanted serves."""
        while self.leases:
            with self.leases.pop():
                pass
        self.load_fails = False
        with patch("serving.model_server.versions.manager.Timer", StepTimer):
            while self.loads.waiting or self.unloads.waiting or StepTimer.planned:
                for waiting in (self.loads.waiting, self.unloads.waiting):
                    if waiting:
                        waiting.pop(0)()
                if StepTimer.planned:
                    StepTimer.planned.pop(0).ring()
        failed = {one.version for one in self.manager.statuses("m") if one.error and one.wanted}
        available = {one for one, state in self.states().items() if state is State.AVAILABLE}
        assert self.wanted - failed == available & self.wanted
        assert available <= self.wanted or failed, "what is not wanted stays only in the place of what failed"
        assert len(available - self.wanted) <= 1
        self.manager.close()


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=100, derandomize=True, stateful_step_count=30, deadline=None, print_blob=False
)
