"""The first thing that a reader wants to know, in three sentences: how good, where it fails, whether to publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from training.report.facts import Facts
from training.report.live import Beside
from training.report.results import class_rows, weakest
from training.report.statistics import interval
from training.report.words import count, percent, quoted

Answer = Literal["yes", "care", "no"]
_HEADLINES: dict[Answer, str] = {"yes": "Ready to publish", "care": "Publish with care", "no": "Do not publish yet"}
# A class that is found and named rightly less often than this will be noticed by its users.
_WEAK_F1 = 0.6
# Test pictures of a class; of fewer, chance alone makes it look weak.
_ENOUGH = 10
# Half the width of the 95 % interval: a figure less sure than this says little.
_UNSURE = 0.05


@dataclass(frozen=True)
class Verdict:
    """What the report comes to.

    Attributes:
        answer: Whether to publish.
        sentences: Three.
    """

    answer: Answer
    sentences: tuple[str, str, str]

    @property
    def headline(self) -> str:
        """The answer in words."""
        return _HEADLINES[self.answer]


def verdict(facts: Facts, comparison: Beside | None) -> Verdict:
    """Judges the run. Raises KeyError if the report has no accuracy and no classes."""
    answer, reason = _judge(facts, comparison)
    return Verdict(answer, (_how_good(facts), _where_it_fails(facts), reason))


def _guessing(facts: Facts) -> float:
    """The accuracy of always answering the test set's commonest class."""
    supports = [row.support for row in class_rows(facts.report)]
    return max(supports, default=0) / max(sum(supports), 1)


def _how_good(facts: Facts) -> str:
    accuracy, tested = facts.report["accuracy"], facts.tested
    low, high = interval(accuracy, tested)
    return (
        f"It names {round(accuracy * tested):,} of {count(tested, 'test picture')} correctly: {percent(accuracy)} "
        f"({percent(low)} to {percent(high)} with 95% confidence), where always giving the commonest answer would "
        "reach "
        f"{percent(_guessing(facts))}."
    )


def _where_it_fails(facts: Facts) -> str:
    rows = class_rows(facts.report)
    worst = weakest(rows)
    if worst is None or facts.report["accuracy"] == 1:
        return "It made no mistake on them, which tells less about the model than that the test was easy or small."
    found = round(worst.recall * worst.support)
    first = f"It is weakest at {quoted(worst.label)}, of which it finds {found:,} of {worst.support:,}"
    confused = _commonest_mistake(facts)
    if confused is None:
        return f"{first}."
    right, answer, times = confused
    if times == 1:
        return f"{first}; no mistake was made more than once."
    return f"{first}; its commonest mistake is to take {quoted(right)} for {quoted(answer)} ({times:,} times)."


def _commonest_mistake(facts: Facts) -> tuple[str, str, int] | None:
    matrix = facts.report.get("confusion_matrix", [])
    cells = ((n, -i, -j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j)
    times, row, column = max(cells, default=(0, 0, 0))
    return (facts.labels[-row], facts.labels[-column], times) if times else None


def _judge(facts: Facts, comparison: Beside | None) -> tuple[Answer, str]:
    accuracy, tested = facts.report["accuracy"], facts.tested
    low, high = interval(accuracy, tested)
    worst = weakest(class_rows(facts.report))
    if low <= _guessing(facts) and len(facts.labels) > 1:
        return "no", "Do not publish it: on this test set it is not surely better than always giving one answer."
    if comparison and comparison.worse:
        return "no", f"Keep what is live: {comparison.sentence}"
    if worst and worst.f1 < _WEAK_F1 and worst.support >= _ENOUGH:
        sentence = f"users who send {quoted(worst.label)} will often get a wrong answer (F1 {worst.f1:.2f})"
        return "care", f"Publish it with care, or improve it first: {sentence}."
    if (high - low) / 2 > _UNSURE:
        return "care", f"Publish it with care: {count(tested, 'test picture')} are too few to be sure of these figures."
    return (
        "yes",
        comparison.sentence + " It can be published." if comparison else "Nothing here speaks against publishing it.",
    )
