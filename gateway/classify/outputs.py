"""A model's outputs, checked against its card before anyone believes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.card import ModelCard
from gateway.classify.answer import KNOWN, Scores
from gateway.errors import BadModelAnswer


def scores(outputs: Mapping[str, NDArray[Any]], count: int, card: ModelCard, *, explain: bool) -> list[Scores]:
    """The scores of `count` pictures.

    Args:
        outputs: ``probabilities`` float32 [count, K] and, if explained, ``heatmaps`` float32 [count, h, w].
        count: How many pictures were asked about.
        card: Of the version that answered.
        explain: True if heatmaps were asked for.

    Raises:
        BadModelAnswer: An output is missing, of another shape, or holds what is no number.
    """
    rows = _probabilities(outputs, count, card)
    places = rows.argmax(axis=1)
    tops: list[float] = rows[np.arange(count), places].tolist()
    heatmaps = _heatmaps(outputs, count, card) if explain else [None] * count
    return [Scores(*each) for each in zip(rows, heatmaps, _known(tops, card), tops, places.tolist(), strict=True)]


def _probabilities(outputs: Mapping[str, NDArray[Any]], count: int, card: ModelCard) -> NDArray[np.float32]:
    rows = outputs.get("probabilities")
    wanted = (count, len(card.labels))
    if rows is None or rows.shape != wanted:
        got = "none" if rows is None else list(rows.shape)
        raise BadModelAnswer(f"Expected probabilities of the shape {list(wanted)} from {card.name}. Received: {got}")
    if rows.dtype.kind != "f" or not np.isfinite(rows).all():
        raise BadModelAnswer(f"Expected probabilities from {card.name}. Received: values that are no numbers")
    return rows


def _known(tops: Sequence[float], card: ModelCard) -> Sequence[bool | None]:
    threshold = card.thresholds.get(KNOWN)
    if not isinstance(threshold, (int, float)):
        return [None] * len(tops)
    return [top >= threshold for top in tops]


def _heatmaps(outputs: Mapping[str, NDArray[Any]], count: int, card: ModelCard) -> NDArray[np.float32]:
    heatmaps = outputs.get("heatmaps")
    if heatmaps is None or heatmaps.ndim != 3 or len(heatmaps) != count:
        got = "none" if heatmaps is None else list(heatmaps.shape)
        raise BadModelAnswer(f"Expected heatmaps of the shape [{count}, h, w] from {card.name}. Received: {got}")
    if heatmaps.dtype.kind != "f" or not heatmaps.size:
        got = f"{heatmaps.dtype} {list(heatmaps.shape)}"
        raise BadModelAnswer(f"Expected heatmaps of floating-point numbers from {card.name}. Received: {got}")
    return heatmaps
