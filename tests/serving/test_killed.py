"""Killed at any of its steps, a command leaves a state that reads well, and run again it comes to the same end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from contract.release import Release
from contract.wire_pb2 import ModelServerConfig
from serving.models_config import render
from serving.repository import ModelRepository
from tests.serving import saved_models
from tests.serving.killing import Ended, Launcher
from tests.serving.model_service import ModelService, serving

BASE_PATH = "/models"
SOURCE = "SOURCE"


@dataclass(frozen=True)
class Case:
    """A command to be killed.

    Attributes:
        command: Its words; `SOURCE` stands for a SavedModel that is not in the repository.
        before: The commands that lead to the state it starts from, `digits` 1 being stable and 2 on disk.
        steps: How many changes to files it makes at least: fewer would say that they are not seen any more.
    """

    command: Sequence[str]
    before: Sequence[Sequence[str]] = ()
    steps: int = 5


_CANARY = ("canary", "digits", "2", "--percent", "20")
_SHADOW = ("shadow", "digits", "2", "--percent", "50")
_CANARY = ("canary", "digits", "2", "--percent", "20")
_SHADOW = ("shadow", "digits", "2", "--percent", "50")
CASES = {
    "publish SOURCE": Case(["publish", "digits", SOURCE], steps=20),
    "canary": Case(_CANARY),
    "canary, another share": Case(["canary", "digits", "2", "--percent", "50"], [_CANARY]),
    "canary --off": Case(["canary", "digits", "--off"], [_CANARY]),
    "promote": Case(["promote", "digits"], [_SHADOW, _CANARY]),
    "rollback of a canary": Case(["rollback", "digits"], [_CANARY]),
    "rollback of a promotion": Case(["rollback", "digits"], [_CANARY, ["promote", "digits"]]),
    "rollback --to": Case(["rollback", "digits", "--to", "2"]),
    "prune": Case(
        ["prune", "digits", "--keep", "0"],
        [["publish", "digits"], ["publish", "digits", SOURCE], ["publish", "digits", "--version", "2"]],
    ),
}


@dataclass
class Bench:
    """A launcher, a model server, and a repository for each run.

    Attributes:
        folder: Holds everything.
        launcher: Runs commands.
        service: A replica that follows the repository of the current run.
    """

    folder: Path
    launcher: Launcher
    service: ModelService
    _made: int = field(default=0, init=False)

    def fresh(self, template: Path | None = None) -> Path:
        """A repository of its own, a copy of the template if there is one, with a replica that has just started."""
        self._made += 1
        repository = self.folder / f"run-{self._made}"
        if template is not None:
            shutil.copytree(template, repository)
        self.restart(repository)
        return repository

    def restart(self, repository: Path) -> None:
        """Starts the replica anew, on that repository."""
        self.service.config = repository / "models.config"
        self.service.states.clear()
        self.service.labels.clear()
        self.service.poll()

    def run(self, repository: Path, words: Sequence[str], **kill: int) -> Ended:
        """One command, to its end or to the step before which it is killed."""
        filled = [str(self.folder / "source") if word == SOURCE else word for word in words]
        if words[0] != "prune":
            filled += ["--base-path", BASE_PATH, "--drain", "0"]
        return self.launcher.run(repository, *filled, "--replica", self.service.address, **kill)

    def template(self, before: Sequence[Sequence[str]]) -> Path:
        """The repository that a case starts from."""
        repository = self.fresh()
        add = ModelRepository(repository).add
        add("digits", saved_models.write(repository / ".first", saved_models.card(0.91)))
        done = self.run(repository, ["publish", "digits"])
        assert done.code == 0, done.said
        add("digits", saved_models.write(repository / ".second", saved_models.card(0.92)))
        for words in before:
            done = self.run(repository, words)
            assert done.code == 0, done.said
        return repository


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("killed")
    with Launcher() as launcher, serving(ModelService()) as service:
        bench = Bench(folder, launcher, service)
        saved_models.write(folder / "source", saved_models.card(0.93))
        yield bench


@pytest.mark.parametrize("name", CASES)
def test_killed_at_any_step_and_run_again_it_comes_to_the_same_end(name: str, bench: Bench) -> None:
    case = CASES[name]
    template = bench.template(case.before)
    undisturbed = bench.fresh(template)
    done = bench.run(undisturbed, case.command)
    assert done.code == 0, done.said
    wanted = end_state(undisturbed)
    assert len(done.steps) >= case.steps, done.steps

    for step in range(1, len(done.steps) + 1):
        repository = bench.fresh(template)
        killed = bench.run(repository, case.command, before_step=step)
        assert killed.killed, f"step {step}: {killed}"
        what = f"killed before step {step}, {done.steps[step - 1]}"
        check_state(repository, what)
        again = bench.run(repository, case.command)
        assert again.code == 0, f"{what}: {again.said}"
        assert end_state(repository) == wanted, what
        bench.service.poll()
        assert bench.service.refused == [], what
        shutil.rmtree(repository)


@pytest.mark.parametrize("name", ["publish SOURCE", "canary", "promote"])
def test_killed_again_and_again_it_comes_to_the_same_end(name: str, bench: Bench) -> None:
    case = CASES[name]
    template = bench.template(case.before)
    undisturbed = bench.fresh(template)
    assert bench.run(undisturbed, case.command).code == 0
    repository = bench.fresh(template)

    kills = 0
    while (ended := bench.run(repository, case.command, before_step=kills + 1)).killed:
        kills += 1
        check_state(repository, f"killed {kills} times")

    assert ended.code == 0, ended.said
    assert kills >= 5
    assert end_state(repository) == end_state(undisturbed)


@pytest.mark.parametrize("name", ["canary", "promote"])
def test_killed_at_any_step_it_can_be_rolled_back(name: str, bench: Bench) -> None:
    case = CASES[name]
    template = bench.template(case.before)
    steps = len(bench.run(bench.fresh(template), case.command).steps)

    for step in range(1, steps + 1):
        repository = bench.fresh(template)
        assert bench.run(repository, case.command, before_step=step).killed
        what = f"killed before step {step}"
        back = bench.run(repository, ["rollback", "digits"])
        model = Release.read(repository).models["digits"]
        # Killed before it wrote anything, there may be nothing to go back from.
        assert back.code == 0 or "Expected a version to go back to" in back.said, f"{what}: {back.said}"
        assert model.labels == {"stable": 1}, what
        assert model.versions == model.used or back.code == 1, what
        check_state(repository, what)
        shutil.rmtree(repository)


def check_state(repository: Path, what: str) -> None:
    """The state reads well; models.config holds no version or label that cannot be served."""
    release = Release.read(repository)
    text = (repository / "models.config").read_text()
    config = text_format.Parse(text, ModelServerConfig())
    for model in config.model_config_list.config:
        pinned = set(model.model_version_policy.specific.versions)
        assert set(model.version_labels.values()) <= pinned, what
        assert pinned <= set(ModelRepository(repository).versions(model.name)), what
        # Written first, release.json may be ahead of what servers are told, but never by a label.
        assert set(release.models[model.name].labels.values()) <= pinned, what


def end_state(repository: Path) -> dict[str, Any]:
    """All that lies there, the times of the history apart."""
    release = Release.read(repository)
    assert (repository / "models.config").read_text() == render(release, BASE_PATH)
    models = {
        name: {
            **{key: value for key, value in vars(model).items() if key != "history"},
            "history": [(entry.action, entry.version, entry.note) for entry in model.history],
        }
        for name, model in release.models.items()
    }
    files = {str(path.relative_to(repository)): path for path in repository.rglob("*")}
    contents = {name: path.read_bytes() for name, path in files.items() if path.name == "saved_model.pb"}
    return {"models": models, "files": sorted(files), "contents": contents}
