"""Killed with SIGKILL before any of its writes and run again, a rollout comes to the same end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.release import Release
from serving.models_config import render
from tests.serving.automatic.conftest import World
from tests.serving.killing import Ended, Launcher


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as running:
        yield running


def run(launcher: Launcher, world: World, before_step: int = 1 << 30) -> Ended:
    words = world.words("--steps", "50,100", "--every", "0.01s", "--base-path", "/models")
    return launcher.run(world.repository, *words, before_step=before_step)


def end(repository: Path) -> dict[str, Any]:
    """What serves, and how that came about.

    Who asks again for a rollout that was withdrawn to its last file but one asks for another one: of several attempts
    the last one counts.
    """
    release = Release.read(repository)
    assert (repository / "models.config").read_text() == render(release, "/models")
    model = release.models["digits"]
    history = [
        (entry.action, entry.version, entry.note, (entry.report or {}).get("outcome")) for entry in model.history[-2:]
    ]
    return {**vars(replace(model, history=())), "history": history}


# The way there is the same: of the rollout that goes back its end is what is new.
@pytest.mark.parametrize(("bad", "code", "last"), [({}, 0, 100), ({"failed": 1.0}, 1, 5)])
def test_killed_before_any_write_and_run_again_it_comes_to_the_same_end(
    world: World, launcher: Launcher, bad: dict[str, Any], code: int, last: int
) -> None:
    world.gateway.bad = bad
    template = world.repository.with_name("template")
    shutil.copytree(world.repository, template)
    undisturbed = run(launcher, world)
    assert undisturbed.code == code, undisturbed.said
    wanted = end(world.repository)
    writes = [number for number, (what, _) in enumerate(undisturbed.steps, start=1) if what == "os.rename"]
    assert len(writes) >= 6

    for step in writes[-last:]:
        shutil.rmtree(world.repository)
        shutil.copytree(template, world.repository)
        world.server.states.clear()
        world.server.labels.clear()
        world.server.poll()
        assert run(launcher, world, before_step=step).killed
        Release.read(world.repository)
        again = run(launcher, world)
        what = f"killed before step {step}, {undisturbed.steps[step - 1]}: {again.said}"
        assert again.code == code, what
        assert end(world.repository) == wanted, what
        assert world.server.refused == [], what
