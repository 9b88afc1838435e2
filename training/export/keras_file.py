"""The model as one Keras file, for those who go on with it in Keras. Runs on any backend."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from contract.versions import PublishError
from training.export.trained import load_trained
from training.networks import KerasModel
from training.predict import predict
from training.runs import Run

# The same weights and the same operations: what differs is the order of sums.
MAX_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Written:
    """A Keras file.

    Attributes:
        path: The file.
        card: The model's card beside it: the file itself knows no labels.
        images: How many test pictures were compared.
        max_difference: Of any probability, the file's model against the run's.
        size_bytes: Of the file.
    """

    path: Path
    card: Path
    images: int
    max_difference: float
    size_bytes: int


def write_keras_file(run: Run, path: Path) -> Written:
    """Writes the run's model to a file, whole or not at all, after it was loaded again and gave the same answers.

    Args:
        run: A finished run.
        path: Ends in ``.keras``, or in ``.h5`` for Keras's older format.

    Raises:
        RunError: The run is unfinished or damaged.
        PublishError: The format cannot hold the model, or the file does not answer as the run's model does.
    """
    card = run.read_card()
    model, images = load_trained(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        with _no_advice():
            model.save(staging)
            again = _load(staging)
        difference = float(np.abs(predict(again, images) - predict(model, images)).max())
        # Written so that a difference which is not a number is refused as well.
        if not difference <= MAX_DIFFERENCE:
            raise PublishError(
                f"Expected the probabilities of the file's model within {MAX_DIFFERENCE:g} of the run's. Received: a "
                f"difference of {difference:.2g}. Nothing was written"
            )
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
    beside = path.with_suffix(".card.json")
    beside.write_text(card.to_json() + "\n", encoding="utf-8")
    return Written(path, beside, len(images), difference, path.stat().st_size)


def _load(path: Path) -> KerasModel:
    try:
        return keras.models.load_model(path, compile=False)
    except ValueError as error:
        if path.suffix == ".keras":
            raise
        reason = str(error).split(". ")[0]
        raise PublishError(
            f"Keras's older format cannot hold this network ({reason}): --format keras can. Nothing was written"
        ) from error


@contextmanager
def _no_advice() -> Iterator[None]:
    """Without Keras's advice to take its newer format instead of HDF5: whoever asks for that has a reason."""
    from absl import logging

    usual = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(usual)
