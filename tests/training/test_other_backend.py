"""Trained where there is no TensorFlow, published where there is."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from training.export.verify import MAX_DIFFERENCE, loaded
from training.predict import predict
from training.runs import Run, find_run

from .conftest import ENVIRONMENT, ROOT, training_command

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None and not os.environ.get("CI"),
    reason="JAX is not installed (requirements/dev.txt has it)",
)

# Python's own search for modules, in a process in which these two are not installed.
WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder

class WithoutTensorFlow(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "tensorflow_serving"}:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTensorFlow
from training.cli import main
status = main(sys.argv[1:])
assert "tensorflow" not in sys.modules
sys.exit(status)
"""


def on_jax(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command where the environment asks for JAX."""
    environment = {**ENVIRONMENT, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def trained_by_jax(tmp_path_factory: pytest.TempPathFactory) -> Run:
    runs = tmp_path_factory.mktemp("runs")
    arguments = ["train", "--dataset", "digits", "--preset", "cnn-sgd", "--epochs", "1", "--runs", str(runs)]
    done = on_jax([sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments])
    assert done.returncode == 0, done.stderr
    assert "Starting jax" in done.stdout
    return find_run("latest", runs)


def test_a_training_without_tensorflow_leaves_a_finished_run_that_names_its_backend(trained_by_jax: Run) -> None:
    card = trained_by_jax.read_card()
    assert ", jax " in card.framework
    assert card.metrics["accuracy"] > 0.5


def test_tensorflow_publishes_it_whatever_the_environment_asks_for_and_answers_as_keras_does(
    trained_by_jax: Run, tmp_path: Path
) -> None:
    done = on_jax(training_command("export", trained_by_jax.folder, "--repository", tmp_path))
    assert done.returncode == 0, done.stderr
    images = np.load(trained_by_jax.test_images)
    expected = predict(keras.models.load_model(trained_by_jax.model, compile=False), images)
    with loaded(tmp_path / "digits" / "1") as serve:
        served = serve("serving_default", images)["probabilities"]
        card = serve("describe", np.array([b""], object))["card"][0]
    assert np.abs(served - expected).max() < MAX_DIFFERENCE
    assert ", jax " in card.decode()
