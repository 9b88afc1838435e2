"""Runs made of the one training: the same run, and a worse one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from training.networks import KerasModel
from training.runs import Run

from ..conftest import Training

Change = Callable[[KerasModel], None]
Copy = Callable[..., Run]


@pytest.fixture
def copy_run(trained: Training, tmp_path: Path) -> Copy:
    """Copies the run, with another model or another report in it."""

    def copy(name: str = "copy", change: Change | None = None, **report: Any) -> Run:
        run = Run(shutil.copytree(trained.run.folder, tmp_path / "runs" / name))
        if change is not None:
            model = keras.models.load_model(run.model, compile=False)
            change(model)
            model.save(run.model)
        if report:
            run.report.write_text(json.dumps({**run.read_report(), **report}))
        return run

    return copy


def worse(model: KerasModel) -> None:
    """Makes the model take every picture for a zero."""
    bias = model.get_layer("logits").bias
    bias.assign([1000.0] + [0.0] * 9)
