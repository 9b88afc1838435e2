"""A short soak, and that a soak would notice: ``python -m tests.e2e.soak`` is the long one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.release import ModelRelease
from tests.e2e.conftest import EXTERNAL
from tests.e2e.faulty import Library, class_of
from tests.e2e.soak.checks import judge
from tests.e2e.soak.load import Asked
from tests.e2e.soak.questions import QUESTIONS, Answer, Seen
from tests.e2e.soak.run import Plan, soak
from tests.e2e.soak.watcher import Moment


@pytest.mark.skipif(bool(EXTERNAL), reason="kills its model servers")
def test_publish_canary_promote_and_rollback_under_load_while_model_servers_are_killed(
    library: Library, tmp_path: Path
) -> None:
    plan = Plan(cycles=1, threads=3, pause_s=0.08, hold_s=0.5, kill_every_s=4.0, down_s=0.5, most_kills=3)

    result = soak(plan, tmp_path, [library.path("good", mark) for mark in (1, 2, 3)])

    assert result.faults == [], "\n".join(result.lines())
    assert result.operator.cycles == 1
    assert result.kills.total() > 0
    assert {seen.version for one in result.asked for seen in one.answer.seen} == {1, 2, 3}


MOMENTS = [
    Moment(0.0, ModelRelease((1,), {"stable": 1})),
    Moment(10.0, ModelRelease((1, 2), {"stable": 1, "canary": 2}, 50.0)),
    Moment(30.0, ModelRelease((1, 2), {"stable": 2}, previous=1)),
]
# At 20 s, by version 1, whose mark is 1 as that of 2 is 2.
GOOD = Asked(QUESTIONS[0], "a", [100], 20.0, 20.1, Answer(200, [Seen(1, class_of(100), 0.601)], 1))


def by(version: int, at: float, label: str = class_of(100)) -> Asked:
    """A good answer of a version at some time."""
    return replace(
        GOOD, began=at, ended=at + 0.1, answer=Answer(200, [Seen(version, label, 0.6 + version / 1e3)], version)
    )


def test_a_good_answer_is_no_fault() -> None:
    assert judge([GOOD, by(1, 25), by(2, 32)], MOMENTS, [], int).faults == []


@pytest.mark.parametrize(
    ("fault", "bad"),
    [
        ("failed", replace(GOOD, answer=Answer(503))),
        ("failed", replace(GOOD, greys=[100, 100])),
        ("mislabelled", replace(GOOD, answer=Answer(200, [Seen(1, class_of(100), 0.602)], 1))),
        ("mislabelled", replace(GOOD, answer=Answer(200, [Seen(1, class_of(100), 0.601)], 2))),
        ("wrong", by(1, 20, class_of(200))),
        ("stray", by(2, 5)),
        ("stray", by(1, 40)),
        ("moved", by(2, 25)),
    ],
)
def test_a_soak_notices(fault: str, bad: Asked) -> None:
    verdict = judge(sorted([GOOD, bad], key=lambda one: one.ended), MOMENTS, [], int)

    assert len(getattr(verdict, fault)) == 1
    assert len(verdict.faults) == 1
