"""A training that is killed goes on where its last checkpoint stands, and ends as it would have."""

from __future__ import annotations

import io
import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.processes import wait_until
from tests.training.conftest import ENVIRONMENT, ROOT, run_training, training_command
from training import datasets
from training.errors import CheckpointError
from training.fitting.loop import Loop, State
from training.fitting.stages import stages
from training.presets import PRESETS, Preset
from training.progress import Epoch, Progress
from training.train import Settings, build_network, make_batches, prepare

EPOCHS = 3
PRESET = replace(PRESETS["resnet-small"](), batch_size=128, patience=2)


class Killed(Exception):
    """Stands for a kill in the middle of an epoch."""


def fit(path: Path, kill_after: int | None = None, preset: Preset = PRESET) -> list[Epoch]:
    """Trains on digits, the checkpoint written after every step; optionally killed after so many."""
    dataset = datasets.load("digits")
    settings = Settings(preset, seed=3, epochs=EPOCHS)
    keras.utils.set_random_seed(settings.seed)
    network, batches = build_network(dataset, settings), make_batches(dataset, settings)
    state = State.read(path) if path.exists() else State()
    steps = 0

    class Watcher(Progress):
        def step(self, *_: float) -> None:
            nonlocal steps
            if steps == kill_after:
                raise Killed
            steps += 1

    loop = Loop(
        network,
        batches,
        dataset.validation,
        state=state,
        progress=Watcher(epochs=EPOCHS, images_per_epoch=1, out=io.StringIO(), log=io.StringIO()),
        on_epoch=lambda _: None,
        path=path,
        patience=preset.patience,
        interval_s=0,
    )
    for stage in stages(preset, EPOCHS):
        loop.run(stage, prepare(network, dataset, preset, stage, batches.steps))
    return state.history


def test_a_training_killed_in_mid_epoch_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole.npz")
    # 9 steps an epoch: this is in the middle of the second.
    with pytest.raises(Killed):
        fit(tmp_path / "killed.npz", kill_after=13)
    before = State.read(tmp_path / "killed.npz")
    assert (len(before.history), before.step) == (1, 4)
    resumed = fit(tmp_path / "killed.npz")
    assert len(resumed) == len(whole) == EPOCHS
    assert resumed[0] == before.history[0]
    # Threads add up in any order, hence not to the last bit.
    assert [epoch.loss for epoch in resumed] == pytest.approx([epoch.loss for epoch in whole], abs=0.02)
    assert resumed[-1].validation_accuracy == pytest.approx(whole[-1].validation_accuracy, abs=0.02)


@pytest.mark.parametrize("kill_after", [5, 9, 13], ids=["in the head", "between the stages", "in the rest"])
def test_a_training_in_two_stages_goes_on_in_the_one_that_was_killed(kill_after: int, tmp_path: Path) -> None:
    preset = replace(PRESETS["cnn-sgd"](), batch_size=128, head_epochs=1, head_learning_rate=0.05)
    whole = fit(tmp_path / "whole.npz", preset=preset)
    with pytest.raises(Killed):
        fit(tmp_path / "killed.npz", kill_after, preset)
    resumed = fit(tmp_path / "killed.npz", preset=preset)
    assert [epoch.learning_rate for epoch in resumed] == [epoch.learning_rate for epoch in whole]
    assert [epoch.loss for epoch in resumed] == pytest.approx([epoch.loss for epoch in whole], abs=0.02)


def test_a_damaged_or_foreign_checkpoint_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"damaged\.npz is damaged"):
        fit(damaged)
    foreign = tmp_path / "foreign.npz"
    fit(foreign)
    with np.load(foreign) as arrays:
        kept = {**arrays, "1": np.zeros(7)}
    state = json.loads(kept["state"].tobytes())
    kept["state"] = np.frombuffer(json.dumps({**state, "history": []}).encode(), np.uint8)
    np.savez(foreign, **kept)
    with pytest.raises(CheckpointError, match="is of another network"):
        fit(foreign)


def test_the_command_goes_on_with_a_killed_run(tmp_path: Path) -> None:
    arguments = ["train", "--dataset", "digits", "--epochs", "4", "--runs", str(tmp_path)]
    with subprocess.Popen(
        training_command(*arguments), cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(tmp_path.glob("*/checkpoint.npz")), timeout_s=120, what="a checkpoint")
        process.send_signal(signal.SIGKILL)
    folder = next(tmp_path.iterdir())
    other = run_training("train", "--resume", "latest", "--runs", tmp_path)
    assert other.returncode == 0, other.stderr
    assert f"Going on with {folder}, which was stopped" in other.stdout
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    history = json.loads((folder / "history.json").read_text())
    assert [epoch["epoch"] for epoch in history] == [1, 2, 3, 4]
    assert not (folder / "checkpoint.npz").exists()
    again = run_training("train", "--resume", folder, "--runs", tmp_path)
    assert again.returncode == 1
    assert f"{folder} is finished: there is nothing to resume" in again.stderr
