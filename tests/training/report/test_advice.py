"""The verdict and the advice: which figures lead to which sentence and which command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.report.advice import advice
from training.report.command import train_command
from training.report.facts import Json, read_facts
from training.report.page import make_page
from training.report.statistics import interval
from training.report.verdict import verdict
from training.runs import Run

from .made_run import change, make_run, write

Edit = Callable[[Run], None]


def edited(path: Path, **keys: Any) -> None:
    write(path, {**json.loads(path.read_text()), **keys})


def inspection(run: Run) -> Path:
    return run.folder / "data" / "inspection.json"


def history(values: list[tuple[float, float, float]]) -> list[Json]:
    """Epochs of training accuracy, validation accuracy and validation loss."""
    return [
        {"epoch": number, "loss": 0.5, "accuracy": one, "validation_accuracy": other, "validation_loss": loss}
        for number, (one, other, loss) in enumerate(values, start=1)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Nothing stands out: no duplicates, no file skipped, a flat end of the curves, many test pictures."""
    made = make_run(tmp_path / "run", tested=2000)
    edited(inspection(made), duplicates=[], skipped=[])
    edited(made.folder / "settings.json", epochs=14)
    write(made.history, history([(0.9, 0.9, 0.3), (0.96, 0.95, 0.2), (0.97, 0.96, 0.2), (0.97, 0.96, 0.2)]))
    change(made, top_losses=[], skipped=[])
    return made


def titles(run: Run) -> list[str]:
    return [step.title for step in advice(read_facts(run)).steps]


def test_where_nothing_stands_out_nothing_is_advised(run: Run) -> None:
    found = advice(read_facts(run))
    assert found.steps == ()
    assert found.publish == f"python -m training export {run.folder}"


def group(**keys: Any) -> Json:
    file = {"file": "a b.png", "part": "test", "label": "0"}
    return {"kind": "exact", "files": [file, file], "across_parts": False, "labels_differ": False, **keys}


def counted(**rare: int) -> Json:
    """Training pictures: 900 of each class but those named, ``n3`` for the class 3."""
    amounts = {str(number): rare.get(f"n{number}", 900) for number in range(10)}
    return {label: {"train": amount, "validation": 9, "test": 9} for label, amount in amounts.items()}


SURE = {"probability": 0.97, "file": "x.png", "right": "1", "answer": "7"}
RISING = [(0.99, 0.97, loss) for loss in (0.2, 0.3, 0.4)]
FALLING = [(0.9, 0.9, 1 / number) for number in range(1, 9)]
PAIR = {"right": "3", "answer": "8", "count": 30, "share": 0.15}


def three_is_rare_and_weak(run: Run) -> None:
    rows = run.read_report()["per_class"]
    rows[3]["f1"] = 0.1
    change(run, per_class=rows)
    edited(inspection(run), counts=counted(n3=100))


def photos_are_large(run: Run) -> None:
    edited(inspection(run), sizes={"median": [640, 480]})
    edited(run.folder / "settings.json", dataset={"source": "photos"})


def duplicates(**keys: Any) -> Edit:
    def edit(run: Run) -> None:
        edited(inspection(run), duplicates=[group(**keys)])
        edited(run.folder / "settings.json", dataset={"source": "photos"})

    return edit


def epochs(values: list[tuple[float, float, float]]) -> Edit:
    return lambda run: write(run.history, history(values))


def figures(**keys: Any) -> Edit:
    return lambda run: change(run, **keys)


EDITS: list[tuple[str, Edit]] = [
    ("Settle pictures that lie under two labels", duplicates(labels_differ=True)),
    ("Remove pictures that are in more than one part", duplicates(across_parts=True)),
    ("Repair or remove files that are no pictures", lambda run: edited(inspection(run), empty=["x"])),
    ("Look whether these labels are right", figures(top_losses=[SURE] * 2)),
    ("Train as long as the preset says", lambda run: edited(run.folder / "settings.json", epochs=3)),
    ("Train longer", epochs(FALLING)),
    ("Stop earlier, or vary the pictures more", epochs(RISING)),
    ("Close the gap between training and validation", epochs([(0.99, 0.9, 0.2)] * 4)),
    ("Give the network more to learn with", epochs([(0.7, 0.7, 0.9)] * 4)),
    ("Collect more pictures", lambda run: edited(inspection(run), counts=counted(n3=9))),
    ("Even out the classes", three_is_rare_and_weak),
    ("Show the network larger pictures", photos_are_large),
    ("Tell “3” and “8” apart", figures(confused=[PAIR])),
    ("Do not take the probabilities at their word", figures(calibration={"after": {"ece": 0.08}})),
    ("Teach it what it does not know", figures(unknown={"auroc": 0.7, "against": "digits"})),
    ("Test on more pictures", figures(counts={"train": 900, "validation": 50, "test": 100})),
    ("Feed it faster", figures(waiting=0.31)),
]


@pytest.mark.parametrize(("title", "edit"), EDITS, ids=[title for title, _ in EDITS])
def test_a_figure_that_stands_out_leads_to_its_advice_alone(title: str, edit: Edit, run: Run) -> None:
    edit(run)
    assert title in titles(run)
    assert len(titles(run)) <= 2


def test_nobody_is_asked_to_change_a_built_in_data_set(run: Run) -> None:
    edited(inspection(run), duplicates=[group(labels_differ=True, across_parts=True)])
    assert titles(run) == []


def test_advice_names_the_command_with_only_what_changes_changed(run: Run) -> None:
    write(run.history, history(FALLING))
    (step,) = advice(read_facts(run)).steps
    assert step.command == "python -m training train --dataset digits --preset resnet-small --epochs 24 --seed 0"


def test_a_command_can_be_pasted_into_a_shell_whatever_the_folder_is_called(run: Run) -> None:
    dataset = {"source": "my photos; rm -rf", "height": 64, "width": 48, "resize": "crop", "seed": 3, "split": None}
    edited(run.folder / "settings.json", dataset=dataset, weigh_classes=False, epochs=None, precision="mixed_bfloat16")
    assert train_command(read_facts(run)) == (
        "python -m training train --dataset 'my photos; rm -rf' --resize crop --preset resnet-small --seed 3 "
        "--image-size 64x48 --precision mixed_bfloat16 --no-class-weights"
    )


def test_another_preset_brings_its_own_settings(run: Run) -> None:
    edited(run.folder / "settings.json", learning_rate=0.1, batch_size=8)
    command = train_command(read_facts(run), change="--preset transfer --backbone VGG16")
    assert command == "python -m training train --dataset digits --preset transfer --seed 0 --backbone VGG16"


def test_a_good_run_may_be_published(run: Run) -> None:
    judged = verdict(read_facts(run), None)
    assert (judged.answer, judged.headline) == ("yes", "Ready to publish")
    assert "of 2,000 test pictures correctly" in judged.sentences[0]
    assert "It is weakest at" in judged.sentences[1]


def test_a_run_that_only_guesses_must_not_be_published(tmp_path: Path) -> None:
    judged = verdict(read_facts(make_run(tmp_path / "run", skill=0.0)), None)
    assert (judged.answer, judged.headline) == ("no", "Do not publish yet")


def test_a_weak_class_asks_for_care(tmp_path: Path) -> None:
    judged = verdict(read_facts(make_run(tmp_path / "run", skill=1.5)), None)
    assert judged.answer == "care"
    assert "will often get a wrong answer" in judged.sentences[2]


def test_few_test_pictures_ask_for_care(tmp_path: Path) -> None:
    judged = verdict(read_facts(make_run(tmp_path / "run", ("a", "b"), tested=30)), None)
    assert judged.sentences[2] == "Publish it with care: 30 test pictures are too few to be sure of these figures."


def test_one_class_is_no_puzzle(tmp_path: Path) -> None:
    page = make_page(read_facts(make_run(tmp_path / "run", ("only",), tested=200)), None)
    assert page.verdict is not None
    assert page.verdict.sentences[1].startswith("It made no mistake")


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263, and 0 of 20.
    assert interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert interval(0.0, 0) == (0.0, 1.0)
