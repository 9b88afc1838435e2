"""One small training for all tests, folders of made-up pictures, and the child processes' environment."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.runs import Run, find_run

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "TF_NUM_INTRAOP_THREADS": "2", "PYTHONUNBUFFERED": "1"}
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
PictureFolder = Callable[..., Path]


@dataclass(frozen=True)
class Training:
    """A training that a child process did: its folder of runs, its run, what it printed."""

    runs: Path
    run: Run
    output: str


def training_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "training", *map(str, arguments)]


def run_training(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        training_command(*arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Digits, three epochs, through the command line."""
    runs = tmp_path_factory.mktemp("runs")
    done = run_training("train", "--dataset", "digits", "--epochs", 3, "--runs", runs)
    assert done.returncode == 0, done.stderr
    return Training(runs, find_run("latest", runs), done.stdout)


def encoded(colour: tuple[int, int, int], seed: int, form: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    """A noisy picture of a colour, as a file."""
    noise = np.random.default_rng(seed).integers(-25, 26, size=(size[1], size[0], 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture
def picture_folder(tmp_path: Path) -> PictureFolder:
    """Makes a folder of class folders: red, green, blue."""

    def make(count: int = 8, name: str = "colours", under: str = "") -> Path:
        root = tmp_path / name
        for number, (label, colour) in enumerate(COLOURS.items()):
            folder = root / under / label
            folder.mkdir(parents=True)
            for index in range(count):
                (folder / f"{index}.jpg").write_bytes(encoded(colour, seed=100 * number + index))
        return root

    return make
