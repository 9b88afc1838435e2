"""A run beside the version that is live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.cli import main
from training.errors import RunError
from training.report.facts import read_facts
from training.report.live import beside, find_live
from training.report.page import make_page, render
from training.runs import Run

from .made_run import change, make_run


def publish(repository: Path, run: Run, version: int) -> None:
    """As the export leaves it, without the model."""
    extra = repository / "digits" / str(version) / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "card.json").write_bytes(run.card.read_bytes())
    (extra / "report.json").write_bytes(run.report.read_bytes())


def release(repository: Path, stable: int) -> None:
    model = {"versions": [stable], "labels": {"stable": stable}}
    (repository / "release.json").write_text(json.dumps({"models": {"digits": model}}))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Version 1 is bad, version 2 good."""
    root = tmp_path / "models"
    publish(root, make_run(tmp_path / "bad", skill=2.0), 1)
    publish(root, make_run(tmp_path / "good"), 2)
    return root


def live_number(repository: Path) -> int | None:
    live = find_live(repository, "digits")
    return live.version if live else None


def test_live_is_the_highest_number_until_an_operator_says_otherwise(repository: Path, tmp_path: Path) -> None:
    assert live_number(repository) == 2
    release(repository, 1)
    assert live_number(repository) == 1
    assert live_number(tmp_path / "nowhere") is None


def test_a_version_that_cannot_be_read_is_named(repository: Path) -> None:
    (repository / "digits" / "2" / "assets.extra" / "report.json").write_text("{")
    with pytest.raises(RunError, match=r"Version 2 of digits in .* cannot be compared with"):
        find_live(repository, "digits")


def test_better_than_what_is_live_is_said_with_the_figures(repository: Path, tmp_path: Path) -> None:
    release(repository, 1)
    live = find_live(repository, "digits")
    page = make_page(read_facts(make_run(tmp_path / "run", seed=7)), live)
    assert page.beside is not None
    assert page.beside.better
    assert page.beside.sentence.startswith("It is more accurate than version 1, which is live, by ")
    assert page.beside.caveat == ""
    assert "Beside what is live" in render(page)


def test_worse_than_what_is_live_must_not_be_published(repository: Path, tmp_path: Path) -> None:
    page = make_page(read_facts(make_run(tmp_path / "run", skill=2.5)), find_live(repository, "digits"))
    assert page.verdict is not None
    assert page.verdict.answer == "no"
    assert page.verdict.sentences[2].startswith("Keep what is live: It is less accurate than version 2")


def test_a_difference_within_chance_is_no_difference(repository: Path, tmp_path: Path) -> None:
    live = find_live(repository, "digits")
    assert live is not None
    found = beside(read_facts(make_run(tmp_path / "run", seed=5)), live)
    assert not found.better
    assert not found.worse
    assert "within chance" in found.sentence


def test_other_test_pictures_are_a_caveat(repository: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tested=500)
    change(run, dataset="other")
    live = find_live(repository, "digits")
    assert live is not None
    assert "other data set and numbers of pictures" in beside(read_facts(run), live).caveat


def test_the_command_takes_a_repository(repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    assert main(["report", str(run.folder), "--beside", str(repository)]) == 0
    assert capsys.readouterr().out.startswith("Beside version 2 of digits\n")
    assert main(["report", str(run.folder), "--beside", str(repository), "--name", "cats"]) == 0
    assert capsys.readouterr().out.startswith("No version of cats is in ")
