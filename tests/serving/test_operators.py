"""Many operators at once: at any moment one changes what serves, the others are told so, and nothing is lost."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract.release import Release
from serving.models_config import render
from serving.repository import ModelRepository
from tests.serving import saved_models
from tests.serving.killing import Ended, Launcher
from tests.serving.model_service import ModelService, serving

OPERATORS, COMMANDS = 4, 6
WISHES = (
    ["canary", "digits", "2", "--percent", "20"],
    ["canary", "digits", "3", "--percent", "50"],
    ["canary", "digits", "--off"],
    ["shadow", "digits", "3"],
    ["promote", "digits"],
    ["publish", "digits", "--version", "1"],
    ["publish", "digits", "--version", "2"],
    ["rollback", "digits"],
    ["publish", "flowers"],
)
BUSY = "Another rollout of"


def test_of_many_at_once_each_is_done_whole_or_told_why_not(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    models = ModelRepository(repository)
    for name, number in (("digits", 1), ("digits", 2), ("digits", 3), ("flowers", 1)):
        models.add(name, saved_models.write(tmp_path / f"{name}-{number}", saved_models.card(number / 10)))
    with serving(ModelService(config=repository / "models.config")) as service:
        words = ["--replica", service.address, "--drain", "0"]
        with Launcher() as launcher:
            assert launcher.run(repository, "publish", "digits", "--version", "1", *words).code == 0

        def operate(number: int) -> list[Ended]:
            chance = random.Random(number)
            with Launcher() as launcher:
                return [launcher.run(repository, *chance.choice(WISHES), *words) for _ in range(COMMANDS)]

        with ThreadPoolExecutor(OPERATORS) as threads:
            ended = [one for each in threads.map(operate, range(OPERATORS)) for one in each]
        service.poll()

    refusals = [one.said for one in ended if one.code != 0]
    assert [said for said in refusals if BUSY not in said and "Expected" not in said] == []
    # What was done is in the history, once, and what was refused is not.
    done = sum(one.code == 0 and "already" not in one.said and "has no" not in one.said for one in ended)
    release = Release.read(repository)
    assert sum(len(model.history) for model in release.models.values()) == 1 + done
    assert all(model.versions == model.used for model in release.models.values())
    assert (repository / "models.config").read_text() == render(release, str(repository))
    assert service.refused == []
    assert done
    assert any(BUSY in said for said in refusals)
