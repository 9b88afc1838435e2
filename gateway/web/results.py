"""An answer as cards for the page, one for each picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.api.answer_json import prediction_json
from gateway.api.heatmaps import heatmap_uri
from gateway.api.options import Options
from gateway.api.ranking import hierarchy, ranking
from gateway.classify.answer import Answer, Refusal, Scores, Upload
from gateway.versions.resolve import Resolved
from gateway.web.pictures import thumbnail

BARS_AT_ONCE = 5
# A thousand classes on each of a hundred cards would be a page that no browser likes; the API gives them all.
BARS_AT_MOST = 100


@dataclass(frozen=True)
class Bar:
    """One class or category: its label and its probability from 0 to 100."""

    label: str
    percent: float

    @property
    def shown(self) -> str:
        """The percentage as text; what is not quite 0 or 100 is not shown as such."""
        if 0 < self.percent < 0.05:
            return "< 0.1%"
        if 99.95 <= self.percent < 100:
            return "> 99.9%"
        return f"{self.percent:.1f}%"


@dataclass(frozen=True)
class ResultCard:
    """One picture's place among the results.

    Attributes:
        filename: As it was uploaded.
        by: The version that answered.
        result: The same as the API tells it, JSON.
        refusal: Why there is no prediction; empty if there is one.
        known: False if the picture shows none of the classes, by the card's own threshold.
        thumbnail: A data: URI; empty where the page has the picture already.
        heatmap: A data: URI, empty if none was asked for.
        bars: The classes, the most probable first.
        hidden: How many classes have no bar.
        categories: What the classes of each category sum up to, the most probable first; none without a hierarchy.
    """

    filename: str
    by: Resolved
    result: str
    refusal: str = ""
    known: bool = True
    thumbnail: str = ""
    heatmap: str = ""
    bars: list[Bar] = field(default_factory=list)
    hidden: int = 0
    categories: list[Bar] = field(default_factory=list)

    @property
    def tiny(self) -> bool:
        """True if the thumbnail is to be shown pixel by pixel."""
        return self.thumbnail.startswith("data:image/png")


def result_cards(answer: Answer, max_pixels: int, *, pictures: bool = True) -> list[ResultCard]:
    """A card for each upload, in its order.

    Args:
        answer: What the model said.
        max_pixels: As in `contract.images.decode`.
        pictures: False if the page shows the uploaded pictures by itself.
    """
    pairs = zip(answer.uploads, answer.results, strict=True)
    return [_card(upload, result, answer, max_pixels, pictures=pictures) for upload, result in pairs]


def _card(upload: Upload, result: Scores | Refusal, answer: Answer, max_pixels: int, *, pictures: bool) -> ResultCard:
    labels = answer.card.labels
    if isinstance(result, Refusal):
        told = prediction_json(upload.filename, result, labels, Options()).decode()
        return ResultCard(upload.filename, answer.resolved, told, refusal=result.message)
    # The heatmap is on the page as a picture; twice would be large.
    plain = Scores(result.probabilities, None, result.known)
    explained = result.heatmap is not None
    seen_by = answer.card.image if explained else None
    best = ranking(result.probabilities)
    return ResultCard(
        upload.filename,
        answer.resolved,
        prediction_json(upload.filename, plain, labels, Options()).decode(),
        known=result.known is not False,
        # A heatmap fits only what the model saw.
        thumbnail=thumbnail(upload.data, seen_by=seen_by, max_pixels=max_pixels) if pictures or explained else "",
        heatmap=heatmap_uri(result.heatmap) if result.heatmap is not None else "",
        bars=_bars(labels, result.probabilities, best[:BARS_AT_MOST]),
        hidden=max(0, len(best) - BARS_AT_MOST),
        categories=_categories(labels, result.probabilities),
    )


def _categories(labels: tuple[str, ...], probabilities: NDArray[np.float32]) -> list[Bar]:
    upper = hierarchy(labels)
    if upper is None:
        return []
    sums = upper.sums(probabilities)
    return _bars(upper.names, sums, ranking(sums)[:BARS_AT_MOST])


def _bars(labels: tuple[str, ...], probabilities: NDArray[np.float32], order: list[int]) -> list[Bar]:
    # Sums of float32 may end a little above 1.
    return [Bar(labels[index], 100 * min(1.0, float(probabilities[index]))) for index in order]
