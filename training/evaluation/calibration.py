"""Whether a probability means what it says, and the one factor that makes it mean more of it.

Temperature scaling and the expected calibration error: Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import log_loss
from training.evaluation.predictions import Answers
from training.networks import KerasModel
from training.networks.parts import probabilities

BINS = 15
# A temperature beyond these does not correct a model's confidence, it hides that something else is wrong.
_BOUNDS = (0.2, 5.0)
_MIN_PICTURES = 50


@dataclass(frozen=True)
class Temperature:
    """What the scores are divided by before the softmax.

    Attributes:
        value: 1 leaves the probabilities as they are; above, they become more cautious.
        reason: Why it was not fitted, None if it was.
    """

    value: float
    reason: str | None = None


def fit_temperature(scores: NDArray[np.float32], classes: NDArray[np.int64]) -> Temperature:
    """The temperature of the smallest log loss, between 0.2 and 5; left at 1 where too little is known.

    Args:
        scores: float32 [N, K], of validation pictures.
        classes: int64 [N].
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if len(classes) < _MIN_PICTURES:
        return Temperature(1.0, f"not fitted: {len(classes)} validation pictures, at least {_MIN_PICTURES} are needed")
    if (scores.argmax(axis=1) == classes).all():
        # The smallest loss would be at the smallest temperature: full confidence, on the word of a few pictures.
        return Temperature(1.0, f"not fitted: all {len(classes)} validation pictures were answered rightly")
    rows, wide = np.arange(len(classes)), scores.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[rows, classes]).mean())

    low, high = np.log(_BOUNDS)
    return Temperature(float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)))


def calibrated(model: KerasModel, temperature: float) -> KerasModel:
    """The model with that temperature in its graph; layers and weights are shared, the one given stays as it is.

    Args:
        model: Its layer ``logits`` gives the scores; whatever temperature it has already is replaced.
        temperature: Above 0.
    """
    import keras

    scores = model.get_layer("logits").output
    return keras.Model(model.input, probabilities(scores, temperature), name=model.name)


def measure_calibration(answers: Answers) -> dict[str, Any]:
    """``ece``, ``log_loss`` and the ``bins`` of the reliability diagram that hold pictures.

    The expected calibration error is the mean distance between confidence and accuracy over 15 bins of equal width,
    each counting by its pictures.
    """
    edges = np.linspace(0, 1, BINS + 1)
    # A bin holds its upper edge, and so the last one a probability of 1.
    places = np.clip(np.digitize(answers.confidence, edges, right=True) - 1, 0, BINS - 1)
    bins: list[dict[str, float]] = []
    for place in np.unique(places):
        inside = places == place
        bins.append(
            {
                "low": float(edges[place]),
                "high": float(edges[place + 1]),
                "count": int(inside.sum()),
                "confidence": float(answers.confidence[inside].mean(dtype=np.float64)),
                "accuracy": float(answers.right[inside].mean()),
            }
        )
    distance = sum(each["count"] * abs(each["confidence"] - each["accuracy"]) for each in bins)
    return {
        "ece": distance / len(answers.classes),
        "log_loss": log_loss(answers.probabilities, answers.classes),
        "bins": bins,
    }
