"""Publishes a finished run as the next version of a model: written aside, checked as served, then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from contract.card import ModelCard
from contract.versions import publishing
from training.errors import RunError
from training.export import signatures
from training.export.verify import Checks, as_files, verify
from training.export.warmup import write_warmup
from training.networks import KerasModel
from training.runs import Run, write_json
from training.train import predict

Save = Callable[[KerasModel, ModelCard, Path], None]


@dataclass(frozen=True)
class Published:
    """A version in the repository.

    Attributes:
        folder: ``<repository>/<name>/<version>``.
        card: With its version.
        checks: What was compared before.
        size_bytes: Of ``saved_model.pb``, which holds the weights.
    """

    folder: Path
    card: ModelCard
    checks: Checks
    size_bytes: int


def export(run: Run, repository: Path, name: str, *, save: Save = signatures.save) -> Published:
    """Exports the run's model, checks it and publishes it.

    Args:
        run: A finished run.
        repository: The model repository; made if missing.
        name: The model's name in it.
        save: Writes the SavedModel.

    Raises:
        RunError: The run is unfinished or damaged.
        PublishError: The exported model does not answer as the Keras model does, or the name is no model name.
    """
    trained_card, report = run.read_card(), run.read_report()
    model, images = _load(run)
    expected = predict(model, images)
    originals = [path.read_bytes() for path in sorted(run.originals.glob("*"))]
    files = originals or as_files(images)
    with publishing(repository, name) as (staging, version):
        card = replace(trained_card, name=name, version=version)
        save(model, card, staging)
        checks = verify(staging, card, images, expected, files)
        size_bytes = (staging / "saved_model.pb").stat().st_size
        extra = staging / "assets.extra"
        extra.mkdir()
        (extra / "card.json").write_text(card.to_json() + "\n", encoding="utf-8")
        write_json(extra / "report.json", {**report, "export": {**asdict(checks), "size_bytes": size_bytes}})
        shutil.copyfile(run.confusion_matrix, extra / "confusion_matrix.png")
        write_warmup(extra, name, images, as_files(images[:1])[0])
    return Published(repository / name / str(version), card, checks, size_bytes)


def _load(run: Run) -> tuple[KerasModel, np.ndarray]:
    """The Keras model and the test pictures uint8 [N, H, W, C] to check it on."""
    try:
        model = keras.models.load_model(run.model, compile=False)
        images: np.ndarray = np.load(run.test_images)
    # Keras raises what the zip, the JSON or the layers of a damaged file make it stumble over.
    except Exception as error:
        raise RunError(f"{run.folder} is damaged: {error}") from error
    return model, images
