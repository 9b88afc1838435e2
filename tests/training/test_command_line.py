"""The command line as a person meets it: real processes, their sentences and exit statuses, what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract.card import ImageSpec, ModelCard
from contract.images import decode
from training.cli import main
from training.datasets import digits

from .conftest import ENVIRONMENT, ROOT, PictureFolder, Training, run_training, training_command


def test_a_run_holds_everything_that_a_training_should_leave_behind(trained: Training) -> None:
    names = {path.name for path in trained.run.folder.iterdir()}
    assert names == {
        "model.keras", "card.json", "report.json", "history.json", "confusion_matrix.png", "samples", "train.log",
        "test_images.npy", "originals", "settings.json", "data", "evaluation", "tensorboard",
        "report.html", "report.pdf", "report.pptx",
    }  # fmt: skip
    assert trained.run.folder.name.startswith("digits-")


def test_the_card_tells_what_was_trained(trained: Training) -> None:
    card = trained.run.read_card()
    assert (card.name, card.dataset, card.version) == ("digits", "digits", None)
    assert (card.labels, card.image) == (tuple("0123456789"), digits.SPEC)
    assert card.framework.startswith("keras 3.")
    assert card.created.endswith("+00:00")
    assert len(card.git_commit) in {0, 40}
    assert 0.3 < card.metrics["accuracy"] <= 1


def test_the_report_agrees_with_itself(trained: Training) -> None:
    report = trained.run.read_report()
    matrix = np.array(report["confusion_matrix"])
    assert report["counts"] == {"train": 1151, "validation": 287, "test": matrix.sum()}
    assert report["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    assert [row["support"] for row in report["per_class"]] == matrix.sum(axis=1).tolist()
    assert report["settings"]["preset"]["name"] == "resnet-small"
    assert report["seconds"] > 0


def test_the_history_has_every_epoch_and_the_loss_falls(trained: Training) -> None:
    history = json.loads(trained.run.history.read_text())
    assert [epoch["epoch"] for epoch in history] == [1, 2, 3]
    assert history[-1]["loss"] < history[0]["loss"]


def test_ten_test_pictures_are_named_by_number_and_class(trained: Training) -> None:
    names = sorted(path.stem for path in trained.run.samples.iterdir())
    assert [name.split("-")[0] for name in names] == list("0123456789")
    assert sorted(name.split("-")[1] for name in names) == list("0123456789")
    pixels = np.load(trained.run.test_images)
    for path in trained.run.samples.iterdir():
        sample = decode(path.read_bytes(), ImageSpec(8, 8, 1))
        assert (pixels == sample).all(axis=(1, 2, 3)).any()


def test_progress_is_readable_when_it_is_not_a_terminal(trained: Training) -> None:
    lines = trained.output.splitlines()
    assert lines[0] == ("digits: 10 classes, 1,151 pictures to train on, 287 to watch, 359 to test, 8x8x1")
    assert sum(line.startswith("epoch 3/3  loss ") and "images/s" in line for line in lines) == 1
    assert lines[-3].startswith("Test accuracy ")
    assert lines[-2] == f"Report: {trained.run.page}"
    assert lines[-1] == f"Next: python -m training export {trained.run.folder}"
    assert "\r" not in trained.output
    assert trained.run.log.read_text().splitlines()[-1] == lines[-3]


def test_help_is_quick_because_it_imports_no_tensorflow() -> None:
    code = (
        "import sys, training.cli\n"
        "try: training.cli.main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'sklearn', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--dataset" in done.stdout
    assert "cnn-sgd" in done.stdout


def test_ctrl_c_stops_with_a_sentence_and_leaves_no_run_that_could_be_exported(tmp_path: Path) -> None:
    command = training_command("train", "--dataset", "digits", "--epochs", 1000, "--runs", tmp_path)
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch "):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == (
        "Stopped by Ctrl-C: the same command goes on where it stopped (with --new, it begins anew)."
    )
    assert "Traceback" not in errors
    exported = run_training("export", "latest", "--runs", tmp_path, "--repository", tmp_path / "models")
    assert exported.returncode == 1
    assert "only unfinished ones (1)" in exported.stderr
    assert not (tmp_path / "models").exists()


def test_a_zip_of_pictures_trains_and_exports_under_its_own_name(
    picture_folder: PictureFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(8)
    (folder / "red" / "notes.txt").write_text("no picture")
    archive = shutil.make_archive(str(tmp_path / "paint"), "zip", root_dir=tmp_path, base_dir=folder.name)
    monkeypatch.chdir(tmp_path)
    options = ["--image-size", "16x20", "--resize", "crop", "--epochs", "2", "--batch-size", "8"]
    assert main(["train", "--dataset", archive, *options]) == 0
    assert "Skipped colours/red/notes.txt: Expected PNG" in capsys.readouterr().err
    assert main(["export", "latest"]) == 0
    version = tmp_path / "models" / "paint" / "1"
    card = ModelCard.from_json((version / "assets.extra" / "card.json").read_text())
    assert (card.name, card.labels) == ("paint", ("blue", "green", "red"))
    assert card.image == ImageSpec(16, 20, 3, "crop")
    report = json.loads((version / "assets.extra" / "report.json").read_text())
    assert report["skipped"][0]["file"] == "colours/red/notes.txt"
    assert report["settings"]["preset"]["batch_size"] == 8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--dataset", "nowhere"], "Error: Expected digits, fashion_mnist, cifar10, or a folder"),
        (["train", "--dataset", "digits", "--image-size", "32"], "Error: digits has a size and a split of its own"),
        (["export", "nothing"], "Error: Expected the folder of a run"),
        (["export", "latest", "--runs", "nothing"], "Error: Expected a finished run in nothing. Received: none"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_1(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(sentence)
    assert errors.count("\n") == 1


def test_a_name_that_no_model_may_have_is_refused(trained: Training, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(trained.run.folder), "--name", "../x"]) == 1
    assert "Expected a model name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--batch-size", "many"),
        ("--image-size", "1x2x3"),
        ("--name", "a/b"),
        ("--learning-rate", "-1"),
        ("--preset", "resnet-large"),
        ("--backbone", "AlexNet"),
        ("--precision", "float8"),
    ],
)
def test_a_bad_option_is_named_with_status_2(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--dataset", "digits", option, value])
    assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert f"argument {option}" in errors
    assert "xpected" in errors or "choose from" in errors
    assert os.linesep in errors
