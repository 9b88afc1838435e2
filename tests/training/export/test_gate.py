"""No worse model goes live unseen: measured on the same pictures, or on the reports' figures, or not let through."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from contract.card import ImageSpec
from contract.release import ModelRelease, Release
from contract.versions import PublishError
from training.cli import main
from training.datasets import load
from training.export.comparison import Comparison, Figures, compare, paired_error
from training.export.gate import is_not_worse, judge
from training.export.held_out import HeldOut, load_held_out
from training.export.live import Version, live_version
from training.export.publish import export
from training.job import Job
from training.networks import KerasModel

from ..conftest import PictureFolder, Training
from .conftest import Copy, worse


@pytest.fixture(scope="module")
def first(trained: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds the run as version 1."""
    repository = tmp_path_factory.mktemp("models")
    export(trained.run, repository, "digits")
    return repository


@pytest.fixture
def repository(first: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first, tmp_path / "models"))


@pytest.fixture
def live(repository: Path) -> Version:
    """Version 1 of a repository that a test may change."""
    return Version(repository / "digits" / "1")


@pytest.fixture(scope="module")
def model(trained: Training) -> KerasModel:
    return keras.models.load_model(trained.run.model, compile=False)


@pytest.fixture(scope="module")
def worse_model(trained: Training) -> KerasModel:
    model = keras.models.load_model(trained.run.model, compile=False)
    worse(model)
    return model


def edit(version: Version, name: str, **changes: Any) -> None:
    """Changes keys of a JSON file beside the model."""
    path = version.folder / "assets.extra" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("accuracy", "macro_f1", "margin", "passes"),
    [
        (0.90, 0.90, 0.01, True),
        (0.89, 0.89, 0.01, True),
        (0.95, 0.95, 0.0, True),
        (0.90, 0.90, 0.0, True),
        (0.889, 0.90, 0.01, False),
        (0.90, 0.889, 0.01, False),
    ],
)
def test_neither_accuracy_nor_macro_f1_may_be_lower_by_more_than_the_margin(
    accuracy: float, macro_f1: float, margin: float, passes: bool
) -> None:
    compared = Comparison("same pictures", "", 100, Figures(accuracy, macro_f1), Figures(0.9, 0.9), 0.01)
    assert is_not_worse(compared, margin) == passes


def test_only_pictures_that_one_of_the_two_gets_right_make_the_error_of_the_difference() -> None:
    right = np.array([True] * 90 + [False] * 10)
    assert paired_error(right, right) == 0
    other = right.copy()
    other[:4] = False
    # Four pictures of a hundred: the variance of a share of 4%, over 100.
    assert paired_error(right, other) == pytest.approx(np.sqrt(0.04 * 0.96 / 100))


def test_the_first_version_is_compared_with_nothing_and_says_so(first: Path) -> None:
    gate = json.loads((first / "digits" / "1" / "assets.extra" / "report.json").read_text())["gate"]
    assert (gate["passed"], gate["version"], gate["compared"]) == (True, None, None)
    assert "first version" in gate["sentence"]


def test_a_model_as_good_as_the_live_one_passes_and_both_figures_are_told(
    live: Version, trained: Training, model: KerasModel
) -> None:
    gate = judge(trained.run, model, live)
    assert gate.passed
    assert gate.compared is not None
    assert (gate.version, gate.compared.basis, gate.compared.pictures) == (1, "same pictures", 359)
    assert gate.compared.new == gate.compared.live
    assert gate.compared.new.accuracy == pytest.approx(trained.run.read_report()["accuracy"], abs=1e-6)
    assert gate.compared.standard_error == 0


def test_a_worse_model_is_refused_whatever_its_report_says_and_forced_if_asked_for(
    repository: Path, copy_run: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(copy_run(change=worse, accuracy=1.0).folder), "--repository", str(repository)]
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("Error: Worse than version 1, which is live: accuracy 10.03% against ")
    assert "more than chance explains; down to -1 is allowed (--margin 0.01). Nothing was published" in errors
    assert errors.rstrip().endswith("--force publishes it all the same")
    assert not (repository / "digits" / "2").exists()
    assert main([*arguments, "--dry-run"]) == 1
    assert "Would not publish" in capsys.readouterr().out
    assert not (repository / "digits" / "2").exists()
    assert main([*arguments, "--force"]) == 0
    assert "--force overrules that" in capsys.readouterr().out
    gate = json.loads((repository / "digits" / "2" / "assets.extra" / "report.json").read_text())["gate"]
    assert (gate["passed"], gate["forced"]) == (False, True)


def test_the_stable_version_is_the_live_one_even_if_there_is_a_newer(tmp_path: Path) -> None:
    assert live_version(tmp_path, "digits") is None
    for number in (1, 2):
        (tmp_path / "digits" / str(number)).mkdir(parents=True)
    assert live_version(tmp_path, "digits") == Version(tmp_path / "digits" / "2")
    release = Release({"digits": ModelRelease((1, 2), {"stable": 1})})
    (tmp_path / "release.json").write_text(release.to_json())
    assert live_version(tmp_path, "digits") == Version(tmp_path / "digits" / "1")
    assert live_version(tmp_path, "other") is None


def test_a_release_that_cannot_be_read_is_no_reason_to_guess_what_is_live(tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text("{}")
    with pytest.raises(PublishError, match="does not tell which version is live"):
        live_version(tmp_path, "digits")


def test_labels_in_another_order_are_matched_by_name(live: Version, trained: Training, model: KerasModel) -> None:
    edit(live, "card.json", labels=list("1023456789"))
    compared = compare(trained.run, model, live)
    matrix = np.array(trained.run.read_report()["confusion_matrix"])
    # Its answers 0 and 1 now stand for each other.
    matrix[:, [0, 1]] = matrix[:, [1, 0]]
    assert compared.basis == "same pictures"
    assert compared.live.accuracy == pytest.approx(np.trace(matrix) / matrix.sum())


def test_other_labels_cannot_be_compared_and_are_named(live: Version, trained: Training, model: KerasModel) -> None:
    labels = [*"012345678", "nine"]
    edit(live, "card.json", labels=labels)
    edit(live, "report.json", labels=labels)
    gate = judge(trained.run, model, live)
    assert (gate.passed, gate.compared) == (False, None)
    assert "only the new model has ['9'], only it has ['nine']" in gate.sentence


def test_a_live_version_of_another_size_gets_the_pictures_at_its_own(trained: Training) -> None:
    held_out = load_held_out(trained.run)
    assert held_out.images(ImageSpec(8, 8, 1)).shape == (359, 8, 8, 1)
    assert held_out.images(ImageSpec(16, 12, 3)).shape == (359, 16, 12, 3)


def test_without_the_pictures_the_reports_figures_count_if_the_test_set_was_the_same(
    live: Version, copy_run: Copy, model: KerasModel
) -> None:
    run = copy_run(accuracy=0.5)
    run.settings.unlink()
    gate = judge(run, model, live)
    assert not gate.passed
    assert "accuracy 50.00% against" in gate.sentence
    assert "as both reports say, since the run does not tell where its pictures are" in gate.sentence
    other = copy_run("other", counts={"train": 1, "validation": 1, "test": 359})
    other.settings.unlink()
    gate = judge(other, model, live)
    assert (gate.passed, gate.compared) == (False, None)
    assert "cannot be compared with version 1, which is live: the run does not tell" in gate.sentence


def test_pictures_that_changed_since_the_run_are_not_measured_on(
    live: Version, copy_run: Copy, model: KerasModel
) -> None:
    run = copy_run()
    np.save(run.test_images, 255 - np.load(run.test_images))
    compared = compare(run, model, live)
    assert compared.basis == "recorded figures"
    assert "has changed since the run" in compared.reason


def test_a_live_version_that_cannot_be_run_is_compared_by_its_report(
    live: Version, trained: Training, model: KerasModel
) -> None:
    (live.folder / "saved_model.pb").write_bytes(b"broken")
    compared = compare(trained.run, model, live)
    assert compared.basis == "recorded figures"
    assert "cannot be run" in compared.reason


def test_a_run_is_published_once_unless_forced(
    repository: Path, trained: Training, copy_run: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (trained.run, copy_run("moved")):
        assert main(["export", str(run.folder), "--repository", str(repository)]) == 0
        assert f"{repository / 'digits' / '1'} already holds this run" in capsys.readouterr().out
    assert not (repository / "digits" / "2").exists()
    run = copy_run()
    assert main(["export", str(run.folder), "--repository", str(repository), "--force"]) == 0
    page = (repository / "digits" / "2" / "assets.extra" / "report.html").read_text()
    assert "Version 1 answers today." in page
    assert (repository / "digits" / "2").is_dir()


def test_pictures_in_files_are_read_anew_at_the_size_of_the_live_version(picture_folder: PictureFolder) -> None:
    folder = picture_folder(20)
    spec, larger = ImageSpec(10, 10), ImageSpec(30, 40)
    held_out = HeldOut(Job(str(folder)), load(str(folder), spec=spec))
    assert np.array_equal(held_out.images(larger), load(str(folder), spec=larger).test.images)
    assert np.array_equal(held_out.images(spec), held_out.dataset.test.images)
