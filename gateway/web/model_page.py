"""A model's card as the tables of its page. A card may be of any origin: what is missing or odd is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.card import ModelCard
from gateway.api.ranking import hierarchy
from gateway.classify.answer import KNOWN
from gateway.web.values import finite, moment

_FIGURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "unknown_auroc": "“None of these”, AUROC",
}
# In these a share of 1 is the best there is; the others have no upper end.
_SHARES = {"accuracy"}
_SHADES = 9
_MOST_CONFUSED = 5


@dataclass(frozen=True)
class ClassRow:
    """One class: its label, its category ("" without a hierarchy), its F1 on the test set if the card tells it."""

    label: str
    category: str
    f1: float | None

    @property
    def percent(self) -> float:
        """The F1 score from 0 to 100, for its bar."""
        return 100 * min(1.0, max(0.0, self.f1 or 0.0))


@dataclass(frozen=True)
class Cell:
    """How many pictures of a class got one answer, and how dark that is to be: 0 (none) to 9 (all of the class)."""

    count: int
    shade: int


@dataclass(frozen=True)
class Confusion:
    """So many pictures of one class were taken for another."""

    right: str
    answer: str
    count: int
    of: int


@dataclass(frozen=True)
class ModelPage:
    """What the page shows of a version.

    Attributes:
        figures: Name and value.
        facts: Name and value: when, from what, by what.
        classes: In the card's order.
        matrix: A row for each right class, a cell for each answer; empty if the card has none.
        confused: The most frequent confusions.
    """

    figures: list[tuple[str, str]]
    facts: list[tuple[str, str]]
    classes: list[ClassRow]
    matrix: list[list[Cell]]
    confused: list[Confusion]


def model_page(card: ModelCard) -> ModelPage:
    """A card's tables."""
    counts = _counts(card)
    return ModelPage(_figures(card), _facts(card), _classes(card), _matrix(counts), _confused(card.labels, counts))


def _figures(card: ModelCard) -> list[tuple[str, str]]:
    found = []
    for key, name in _FIGURES.items():
        value = finite(card.metrics.get(key))
        if value is not None:
            found.append((name, f"{value:.2%}" if key in _SHARES else f"{value:.3f}"))
    known = finite(card.thresholds.get(KNOWN))
    if known is not None:
        found.append(("“None of these” below", f"{known:.1%}"))
    return found


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    image = card.image
    takes = f"{image.width} by {image.height} pixels, {'colour' if image.channels == 3 else 'grey'}"
    facts = {"Trained": _date(card.created), "From": card.dataset, "With": card.framework, "Takes pictures of": takes}
    facts["Commit"] = card.git_commit[:12]
    return [(name, value) for name, value in facts.items() if value]


def _date(text: str) -> str:
    """A time for people; as it stands if it is none."""
    found = moment(text)
    return f"{found:%-d %B %Y, %H:%M} UTC" if found else text


def _classes(card: ModelCard) -> list[ClassRow]:
    scores = card.metrics.get("per_class_f1")
    scores = scores if isinstance(scores, Mapping) else {}
    upper = hierarchy(card.labels)
    categories = [upper.names[index] for index in upper.of_label] if upper else [""] * len(card.labels)
    pairs = zip(card.labels, categories, strict=True)
    return [ClassRow(label, category, finite(scores.get(label))) for label, category in pairs]


def _counts(card: ModelCard) -> list[list[int]]:
    """The confusion matrix [K][K], rows by right class; empty if the card has none that makes sense."""
    rows: Any = card.metrics.get("confusion_matrix")
    width = len(card.labels)
    if not _is_list(rows, width) or not all(_is_list(row, width) for row in rows):
        return []
    whole = all(isinstance(count, int) and count >= 0 for row in rows for count in row)
    return [list(row) for row in rows] if whole else []


def _matrix(counts: list[list[int]]) -> list[list[Cell]]:
    return [[Cell(count, _shade(count, sum(row))) for count in row] for row in counts]


def _shade(count: int, of: int) -> int:
    """By the square root: a few mistakes among thousands are what one looks for."""
    return math.ceil(_SHADES * math.sqrt(count / of)) if count else 0


def _confused(labels: Sequence[str], counts: list[list[int]]) -> list[Confusion]:
    pairs = [
        Confusion(labels[right], labels[answer], count, sum(row))
        for right, row in enumerate(counts)
        for answer, count in enumerate(row)
        if count and answer != right
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:_MOST_CONFUSED]


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == length
