"""When the answer should be "none of these": a limit for the top probability, and how well it tells strangers apart.

The calibrated top probability as a detector of pictures of no known class, and AUROC as its figure: Hendrycks and
Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks", 2017.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.pictures import save_pixels

KEPT_SHARE = 0.95
# Served probabilities differ from Keras's in the last digits: a limit of 1 would refuse at random.
_HIGHEST = 0.999
_DECIMALS = 3
_PICTURES = 8


def fit_threshold(confidence: NDArray[np.float32]) -> float:
    """The limit that 95 % of validation pictures reach, rounded down to 3 decimals; 0 (never refuse) without any.

    Args:
        confidence: float32 [N], the calibrated probability of each answer.
    """
    if not len(confidence):
        return 0.0
    limit = float(np.quantile(confidence, 1 - KEPT_SHARE, method="lower"))
    rounded: float = math.floor(limit * 10**_DECIMALS) / 10**_DECIMALS
    return min(rounded, _HIGHEST)


def measure_unknown(
    known: NDArray[np.float32], other: NDArray[np.float32], threshold: float, against: str
) -> dict[str, Any]:
    """How well the top probability tells the model's own test pictures from those of another set.

    Args:
        known: float32 [N], the calibrated probability of the answer for each test picture.
        other: float32 [M], for each picture of the other set.
        threshold: Below it the answer is "none of these".
        against: Names the other set.

    Returns:
        ``threshold``, ``against``, ``kept`` and ``refused`` (the shares of known and other pictures that are rightly
        answered and refused), ``auroc`` (the chance that a known picture has the higher probability; 0.5 is guessing).
    """
    from sklearn.metrics import roc_auc_score

    is_known = np.repeat([1, 0], [len(known), len(other)])
    return {
        "threshold": threshold,
        "kept": float((known >= threshold).mean()),
        "against": against,
        "auroc": float(roc_auc_score(is_known, np.concatenate([known, other]))),
        "refused": float((other < threshold).mean()),
    }


def most_trusted(
    images: NDArray[np.uint8], probabilities: NDArray[np.float32], labels: tuple[str, ...], folder: Path
) -> list[dict[str, Any]]:
    """The pictures uint8 [M, H, W, C] of the other set that the model is surest of, the surest first."""
    confidence = probabilities.max(axis=1)
    return [
        {
            "picture": save_pixels(images[index], folder, f"unknown-{index}"),
            "answer": labels[probabilities[index].argmax()],
            "probability": float(confidence[index]),
        }
        for index in np.argsort(-confidence, kind="stable")[:_PICTURES]
    ]
