"""An `Answer` as the JSON of the HTTP contract."""

from __future__ import annotations

from typing import Any

import numpy as np

from contract.card import ModelCard
from gateway.classify.decoding import Refusal
from gateway.classify.pipeline import Answer, Scores
from gateway.web.pictures import heatmap_uri


def answer_json(answer: Answer, top_k: int | None, request_id: str) -> dict[str, Any]:
    """The whole body of ``POST /api/v1/classify``."""
    resolved = answer.resolved
    return {
        "model": {"name": resolved.model, "version": resolved.version, "label": resolved.label},
        "predictions": predictions_json(answer, top_k),
        "request_id": request_id,
        "timing_ms": {"decode": round(answer.decode_ms, 2), "predict": round(answer.predict_ms, 2)},
    }


def predictions_json(answer: Answer, top_k: int | None = None) -> list[dict[str, Any]]:
    """One object for each upload, in its order."""
    pairs = zip(answer.uploads, answer.results, strict=True)
    return [{"filename": upload.filename} | _result(result, answer.card, top_k) for upload, result in pairs]


def ranking(scores: Scores) -> list[int]:
    """The indices of the classes, the most probable first; equals in the card's order."""
    order: list[int] = np.argsort(-scores.probabilities, kind="stable").tolist()
    return order


def _result(result: Scores | Refusal, card: ModelCard, top_k: int | None) -> dict[str, Any]:
    if isinstance(result, Refusal):
        return {"error": {"code": result.code, "message": result.message}}
    best = ranking(result)
    # Everything in the card's order; the best few, best first.
    shown = range(len(card.labels)) if top_k is None else best[:top_k]
    values = result.probabilities.tolist()
    described: dict[str, Any] = {
        "label": card.labels[best[0]],
        "probability": values[best[0]],
        "probabilities": {card.labels[index]: values[index] for index in shown},
    }
    if result.heatmap is not None:
        described["heatmap"] = heatmap_uri(result.heatmap)
    return described
