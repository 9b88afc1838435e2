"""What an operator sees while a rollout is watched."""

from __future__ import annotations

import os
import pty
import subprocess

from serving.automatic.figures import Comparison, Figures
from serving.automatic.judge import Decision, Verdict
from serving.automatic.order import Order
from serving.automatic.runner import Scene
from serving.automatic.views import Lines, Live, block
from serving.automatic.watch import Look, Turn
from tests.serving.automatic.conftest import World
from tests.serving.conftest import command, environment


def scene(percent: float = 5.0, elapsed_s: float = 15.0, decision: Decision = Decision.HOLD) -> Scene:
    verdict = Verdict(decision, ("12 requests of the 100 that a verdict takes",))
    copies = Comparison(requests=40, agrees=39, differs=1, difference=0.01)
    look = Look(verdict, Turn.STAY, Figures(900, 9), Figures(12, 0), copies, (), elapsed_s)
    return Scene(Order("digits", 3), 2, percent, look)


def test_the_block_shows_the_step_the_time_both_versions_and_the_verdict() -> None:
    lines = block(scene())

    assert lines[1] == "digits 3, 5% of traffic, was 2"
    assert lines[2] == "copies → [5%] → 25% → 50% → 100%   ██████░░░░░░░░░░░░░░░░░░ 45 s left"
    assert [line.split()[:4] for line in lines[4:7]] == [
        ["2", "stable", "900", "1"],
        ["3", "candidate", "12", "0"],
        ["3", "copies", "40", "0"],
    ]
    assert "97.5 %" in lines[6]
    assert lines[-2:] == ["hold:", "  12 requests of the 100 that a verdict takes"]


def test_the_block_says_for_how_long_a_verdict_is_overdue() -> None:
    assert block(scene(0.0, 90.0))[2].endswith("30 s over, 600 s at most")
    assert block(scene(0.0, 90.0))[2].startswith("[copies] → 5% →")


def test_the_live_view_takes_away_what_it_drew_before_it_says_or_draws_anything() -> None:
    written: list[str] = []
    live = Live(written.append)

    live.say("loaded")
    live.show(scene())
    live.show(scene())
    live.say("done")
    live.say("really")

    height = len(block(scene()))
    assert written[0] == "loaded\n"
    assert written[1].count("\n") == height
    assert written[2].startswith(f"\x1b[{height}F\x1b[J")
    assert written[3] == f"\x1b[{height}F\x1b[Jdone\n"
    assert written[4] == "really\n"


def test_lines_come_for_news_alone() -> None:
    said: list[str] = []
    lines = Lines(said.append)

    for elapsed_s in (1.0, 2.0, 3.0):
        lines.show(scene(elapsed_s=elapsed_s))
    lines.show(scene(decision=Decision.ADVANCE))

    assert said == [
        "digits 3, 5% of traffic: hold. 12 requests of the 100 that a verdict takes.",
        "digits 3, 5% of traffic: advance. 12 requests of the 100 that a verdict takes.",
    ]


def test_in_a_terminal_the_view_is_drawn_anew(world: World) -> None:
    ours, theirs = pty.openpty()
    words = command("--repository", world.repository, *world.words("--watch"))
    with subprocess.Popen(words, env=environment(COLUMNS="150"), stdout=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    text = seen.decode()

    assert process.returncode == 0
    assert "[copies] → 20% → 60% → 100%" in text
    assert "copies → 20% → [60%] → 100%" in text
    assert "F\x1b[J" in text
    assert text.endswith("digits 2 is stable: all 4 steps went well.\r\n")
