"""SavedModel folders that need no TensorFlow, and the command line as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from contract.release import ModelRelease
from serving.__main__ import main
from serving.release_store import ReleaseStore
from serving.repository import ModelRepository
from tests.conftest import ROOT
from tests.serving import saved_models

# A loaded machine is no failure.
settings.register_profile("vitrine", deadline=None)
settings.load_profile("vitrine")

# What the environment may say of a command's defaults.
OURS = ("MODEL_REPOSITORY", "MODEL_STORE", "MODEL_BASE_PATH", "VITRINE_SERVING", "VITRINE_GATEWAYS")

MakeModel = Callable[..., Path]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Makes a folder that is a SavedModel with a card; `accuracy` tells one from another."""

    def make(name: str = "source", accuracy: float = 0.98) -> Path:
        return saved_models.write(tmp_path / name, saved_models.card(accuracy))

    return make


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Where the command line keeps its models; empty at first."""
    return tmp_path / "models"


@pytest.fixture
def two_versions(repository: Path, make_model: MakeModel) -> Path:
    """A repository with digits 1 (stable) and 2 (in the repository only)."""
    models = ModelRepository(repository)
    models.add("digits", make_model("first", 0.9712))
    models.add("digits", make_model("second", 0.9823))
    ReleaseStore(repository, str(repository)).write_model("digits", ModelRelease((1,), {"stable": 1}))
    return repository


def command(*arguments: str | Path) -> list[str]:
    """The command line as a list of words."""
    return [sys.executable, "-m", "serving", *map(str, arguments)]


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command: this process's own, less what would change its defaults."""
    inherited = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**inherited, "PYTHONPATH": str(ROOT), **settings}


@pytest.fixture
def cli(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command of ``python -m serving`` on the repository, within this process, and gives what it said."""

    def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in arguments]
        with monkeypatch.context() as patched:
            for name in OURS:
                patched.delenv(name, raising=False)
            for name, value in {"MODEL_REPOSITORY": str(repository), **settings}.items():
                patched.setenv(name, value)
            patched.chdir(repository.parent)
            capsys.readouterr()
            try:
                code = main(words)
            except SystemExit as end:  # argparse, at words that it does not understand
                code = int(end.code or 0)
            said = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, said.out, said.err)

    return run
