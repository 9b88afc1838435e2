"""``evaluate``: a finished run measured again, and on other pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.card import ModelCard
from training.cli import main
from training.datasets import load
from training.runs import Run

from ..conftest import Training


@pytest.fixture
def run(trained: Training, tmp_path: Path) -> Run:
    """A copy of the run, for a test to change."""
    return Run(Path(shutil.copytree(trained.run.folder, tmp_path / trained.run.folder.name)))


def test_a_training_leaves_a_whole_evaluation_behind(trained: Training) -> None:
    report, card = trained.run.read_report(), trained.run.read_card()
    assert {"calibration", "unknown", "confused", "top_losses", "explanations", "latency", "categories"} < set(report)
    assert report["model_bytes"] == trained.run.model.stat().st_size
    assert set(card.metrics) == {
        "accuracy", "log_loss", "macro_f1", "ece", "unknown_auroc", "per_class_f1", "confusion_matrix",
    }  # fmt: skip
    assert card.thresholds == {"known": report["unknown"]["threshold"]}
    assert card.metrics["ece"] == report["calibration"]["after"]["ece"]
    assert 0.5 < card.metrics["unknown_auroc"] <= 1
    assert (trained.run.folder / report["explanations"][0]["overlay"]).is_file()


def test_a_run_measured_again_has_the_same_figures_against_other_strangers(
    run: Run, trained: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trained.run.read_report()
    strangers = run.folder / "strangers"
    strangers.mkdir()
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(noise).save(strangers / f"{number}.png")
    assert main(["evaluate", str(run.folder), "--unknown", str(strangers)]) == 0
    printed = capsys.readouterr().out
    assert f"Test accuracy {before['accuracy']:.2%}" in printed
    assert f"Written into {run.folder}" in printed
    after, card = run.read_report(), run.read_card()
    assert after["unknown"]["against"] == "strangers"
    assert len(after["unknown"]["pictures"]) == 5
    for key in ("accuracy", "confusion_matrix", "settings", "labels", "parameters"):
        assert after[key] == before[key]
    # Fitted to the scores before the temperature, not on top of the old one.
    assert after["calibration"]["temperature"] == pytest.approx(before["calibration"]["temperature"], rel=1e-3)
    assert card.metrics["unknown_auroc"] == after["unknown"]["auroc"]
    assert card.created == trained.run.read_card().created
    assert not list(run.folder.glob("new-*"))


def test_the_model_is_measured_on_somebody_elses_pictures_and_the_run_stays(
    trained: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = load("digits").test
    for digit in (3, 7):
        (tmp_path / str(digit)).mkdir()
        for index in np.flatnonzero(test.classes == digit)[:12]:
            Image.fromarray(test.images[index, :, :, 0]).save(tmp_path / str(digit) / f"{index}.png")
    before = {path: path.stat().st_mtime_ns for path in trained.run.folder.rglob("*")}
    assert main(["evaluate", str(trained.run.folder), "--dataset", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert " on 24 pictures" in printed
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["3", "7"]
    assert before == {path: path.stat().st_mtime_ns for path in trained.run.folder.rglob("*")}


def test_pictures_of_other_labels_or_another_shape_are_refused(
    trained: Training, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (9, 9), number).save(tmp_path / "pets" / label / f"{number}.png")
    assert main(["evaluate", str(run.folder), "--dataset", str(tmp_path / "pets")]) == 1
    assert "Received in pets: ['cat', 'dog']" in capsys.readouterr().err
    card = json.loads(run.card.read_text())
    run.card.write_text(ModelCard.from_dict({**card, "image": {"height": 9, "width": 8, "channels": 1}}).to_json())
    assert main(["evaluate", str(run.folder), "--dataset", "digits"]) == 1
    assert "Expected pictures of shape (9, 8, 1). Received: (8, 8, 1)" in capsys.readouterr().err
    assert main(["evaluate", str(run.folder)]) == 1
    assert "Expected the data that" in capsys.readouterr().err
