"""The figures on the test set as the page shows them: headline, classes, confusion matrix, the upper level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.report.facts import Facts
from training.report.statistics import interval
from training.report.words import number, percent

# Of more classes than this the matrix would be wallpaper: then the rows with the most errors, in words.
MOST_IN_MATRIX = 30
_ROWS_IN_WORDS = 25
_WEAKEST = 20
# Shades of the heat table; 0 is empty.
_SHADES = 9


@dataclass(frozen=True)
class ClassRow:
    """A class's figures, 0 to 1, and how many test pictures it has."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: how many, and which of the shades 0 to 9."""

    count: int
    shade: int
    right: bool


@dataclass(frozen=True)
class MatrixRow:
    """The test pictures of a class, by answer."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Confusion:
    """A class that is often taken for others: (answer, count), the commonest first."""

    label: str
    support: int
    errors: int
    answers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Level:
    """All figures of one level of labels.

    Attributes:
        accuracy: Share of test pictures named correctly.
        tested: How many there were.
        low: Of the accuracy's 95 % interval.
        high: Likewise.
        means: Name, precision, recall, F1: macro and weighted.
        classes: All of them, the weakest first where there are many.
        matrix: None if there are too many classes.
        confusions: Instead of it.
    """

    accuracy: float
    tested: int
    low: float
    high: float
    means: tuple[tuple[str, float, float, float], ...]
    classes: tuple[ClassRow, ...]
    matrix: tuple[MatrixRow, ...] | None
    confusions: tuple[Confusion, ...]

    @property
    def longest(self) -> int:
        """Characters of the longest label."""
        return max((len(row.label) for row in self.classes), default=0)

    @property
    def shown(self) -> tuple[ClassRow, ...]:
        """The classes that are shown at once."""
        return self.classes if len(self.classes) <= MOST_IN_MATRIX else self.classes[:_WEAKEST]

    @property
    def folded(self) -> tuple[ClassRow, ...]:
        """The others."""
        return self.classes[len(self.shown) :]


@dataclass(frozen=True)
class Results:
    """What the test set said.

    Attributes:
        top: The figures of every level's answer in general: (name, value).
        level: The labels.
        categories: The upper level of ``category/sub-category`` labels.
    """

    top: tuple[tuple[str, str], ...]
    level: Level
    categories: Level | None


def results(facts: Facts) -> Results:
    """The section. Raises KeyError if the report has no accuracy, classes or matrix."""
    report = facts.report
    top = [("Accuracy", percent(report["accuracy"]))]
    top += [(f"Right answer among the first {k}", percent(share)) for k, share in report.get("top_k", {}).items()]
    top.append(("Log loss", number(round(report["log_loss"], 4))))
    categories = report.get("categories")
    upper = _level(categories, categories["labels"]) if categories else None
    return Results(tuple(top), _level(report, facts.labels), upper)


def class_rows(figures: dict[str, Any]) -> list[ClassRow]:
    """``per_class`` as it stands."""
    names = ("label", "precision", "recall", "f1", "support")
    return [ClassRow(**{name: row[name] for name in names}) for row in figures["per_class"]]


def weakest(rows: Sequence[ClassRow]) -> ClassRow | None:
    """The tested class with the lowest F1; None if none was tested."""
    return min((row for row in rows if row.support), key=lambda row: row.f1, default=None)


def _level(figures: dict[str, Any], labels: Sequence[str]) -> Level:
    rows = class_rows(figures)
    tested = sum(row.support for row in rows)
    many = len(labels) > MOST_IN_MATRIX
    if many:
        rows.sort(key=lambda row: (row.support == 0, row.f1, row.label))
    means = [
        (name, float(mean["precision"]), float(mean["recall"]), float(mean["f1"]))
        for name, mean in (("Mean of classes", figures["macro"]), ("Weighted mean", figures.get("weighted")))
        if mean
    ]
    counts = figures["confusion_matrix"]
    return Level(
        figures["accuracy"], tested, *interval(figures["accuracy"], tested), tuple(means), tuple(rows),
        None if many else tuple(_matrix_row(label, index, counts[index]) for index, label in enumerate(labels)),
        tuple(_confusions(counts, labels)) if many else (),
    )  # fmt: skip


def _matrix_row(label: str, index: int, counts: Sequence[int]) -> MatrixRow:
    total = max(sum(counts), 1)
    return MatrixRow(
        label, tuple(Cell(count, _shade(count / total), column == index) for column, count in enumerate(counts))
    )


def _shade(share: float) -> int:
    return 0 if share == 0 else 1 + round(share * (_SHADES - 1))


def _confusions(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> list[Confusion]:
    found = []
    for index, row in enumerate(counts):
        wrong = sorted(((count, other) for other, count in enumerate(row) if count and other != index), reverse=True)
        if wrong:
            answers = tuple((labels[other], count) for count, other in wrong[:3])
            found.append(Confusion(labels[index], sum(row), sum(count for count, _ in wrong), answers))
    return sorted(found, key=lambda confusion: -confusion.errors)[:_ROWS_IN_WORDS]
