"""The whole system: a trained and published model, a model server, a gateway; each a process of its own.

`VITRINE_SERVING=host:port` puts any TensorFlow Serving in the embedded one's place; it must serve a digits model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.e2e.faulty import Library
from tests.e2e.stack import ModelServer, Stack, model_server, released, run, stack

EXTERNAL = os.environ.get("VITRINE_SERVING")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runs after a short training on digits."""
    folder = tmp_path_factory.mktemp("runs")
    run("training", "train", "--dataset", "digits", "--epochs", "8", "--runs", str(folder))
    return folder


@pytest.fixture(scope="session")
def exported(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with digits as versions 1 and 2, nothing released."""
    root = tmp_path_factory.mktemp("exported")
    for again in ([], ["--force"]):
        run("training", "export", "latest", "--runs", str(runs), "--repository", str(root), "--name", "digits", *again)
    return root


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten pictures, 0 to 9, as PNG files."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    paths = [folder / f"{digit}.png" for digit in range(10)]
    for digit, path in enumerate(paths):
        pixels = data.images[data.target == digit][0] * (255 / 16)
        Image.fromarray(np.rint(pixels).astype(np.uint8)).save(path)
    return paths


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Small models, good ones and one of each fault, built when they are first asked for."""
    return Library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def repository(exported: Path, tmp_path: Path) -> Path:
    """A repository of the test's own: digits version 1, published."""
    root = tmp_path / "models"
    shutil.copytree(exported / "digits" / "1", root / "digits" / "1")
    run("serving", "--repository", str(root), "publish", "digits", "--offline")
    return root


@pytest.fixture
def own_stack(repository: Path, tmp_path: Path) -> Iterator[Stack]:
    """A system of the test's own, to be stopped, killed or re-configured."""
    if EXTERNAL:
        pytest.skip("stops or re-configures its model server: not done to the one that VITRINE_SERVING names")
    with model_server(tmp_path, *released(repository)) as server, stack(server, repository, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def common_stack(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One system for all tests that only ask it."""
    folder = tmp_path_factory.mktemp("common")
    if EXTERNAL:
        with stack(ModelServer(EXTERNAL), folder, folder, VITRINE_MODELS="digits") as running:
            yield running
        return
    root = folder / "models"
    shutil.copytree(exported, root)
    run("serving", "--repository", str(root), "publish", "digits", "--offline")
    with model_server(folder, *released(root)) as server, stack(server, root, folder) as running:
        yield running
