"""What a model's card says of its quality: the figures that a caller can use, out of the report's many."""

from __future__ import annotations

from typing import Any

# A larger confusion matrix would make every answer to "describe" a large one.
_MAX_MATRIX = 50


def card_metrics(figures: dict[str, Any]) -> dict[str, Any]:
    """``metrics`` of the card: of the calibrated model, on the test pictures.

    Args:
        figures: As `training.evaluation.evaluate.evaluate` gives them.
    """
    metrics = {
        "accuracy": figures["accuracy"],
        "log_loss": figures["log_loss"],
        "macro_f1": figures["macro"]["f1"],
        "ece": figures["calibration"]["after"]["ece"],
        "unknown_auroc": figures["unknown"]["auroc"],
        "per_class_f1": {row["label"]: row["f1"] for row in figures["per_class"]},
    }
    if len(figures["per_class"]) <= _MAX_MATRIX:
        metrics["confusion_matrix"] = figures["confusion_matrix"]
    return metrics


def card_thresholds(figures: dict[str, Any]) -> dict[str, float]:
    """``thresholds`` of the card: a top probability below ``known`` means "none of these"."""
    return {"known": figures["unknown"]["threshold"]}
