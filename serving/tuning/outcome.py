"""What a journal comes to: a choice, and the figures of everything that was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from serving.tuning.candidate import BASELINE, TWIN, Candidate
from serving.tuning.choice import Choice, Limit, all_figures, choose, ranked
from serving.tuning.journal import Journal
from serving.tuning.measured import Figures


@dataclass(frozen=True)
class Outcome:
    """What there is to be told.

    Attributes:
        choice: What is recommended; None as long as the best were not measured a second time.
        best: What to take for want of a choice: the best so far.
        baseline: The baseline's figures; None if nothing was measured.
        figures: Those of the other candidates, by falling throughput, from the final where they were in it.
        finalists: The candidates that were in the final.
        batching: The best candidate with batching, recommended or not; None if there is none.
        limit: Which candidates might be chosen.
    """

    choice: Choice | None
    best: Candidate
    baseline: Figures | None
    figures: list[Figures]
    finalists: frozenset[Candidate]
    batching: Candidate | None
    limit: Limit

    @property
    def candidate(self) -> Candidate:
        """The one to use."""
        return self.best if self.choice is None else self.choice.candidate

    def to_dict(self) -> dict[str, Any]:
        """The choice, for programs."""
        return {
            "finished": self.choice is not None,
            "headline": self.headline(),
            "reasons": list(self.choice.reasons) if self.choice else [],
            "noise": self.choice.noise if self.choice else None,
            "candidate": asdict(self.candidate),
            "baseline": asdict(self.baseline) if self.baseline else None,
            "figures": [asdict(one) for one in self.figures],
        }

    def headline(self) -> str:
        """The choice in a sentence."""
        if self.choice is None:
            return f"Not finished, so nothing is recommended. Best so far: {self.best}."
        own = next((one for one in self.figures if one.candidate == self.candidate), None)
        if own is None:
            return "Nothing is better than TensorFlow Serving's defaults beyond the noise: leave batching off."
        batching = own.candidate.batching
        waits = f" A lone call waits {batching.timeout_us / 1000:g} ms for company." if batching else ""
        off = waits if batching else " Leave batching off."
        return (
            f"{own.candidate}: x{own.rate} pictures a second, p99 x{own.p99.middle:.2f}, both to TensorFlow "
            f"Serving's defaults.{off}"
        )


def outcome(journal: Journal, limit: Limit) -> Outcome:
    """Made anew from the measurements, so that another limit needs no others."""
    final = {one.candidate: one for one in all_figures(journal.final)}
    figures = {one.candidate: one for one in all_figures(journal.searched)} | final
    baseline = figures.get(BASELINE)
    others = [one for candidate, one in figures.items() if candidate not in (BASELINE, TWIN)]
    fit = ranked(journal.final or journal.searched, limit)
    batched = [one.candidate for one in [*fit, *ranked(journal.searched, limit)] if one.candidate.batching]
    choice = None
    if journal.final:
        choice = choose(journal.final, limit)
    elif journal.finished and not fit:
        choice = Choice(BASELINE, ("No candidate kept to the limit of p99 with every call answered.",))
    return Outcome(
        choice=choice if journal.finished else None,
        best=fit[0].candidate if fit and fit[0].rate.middle > 1 else BASELINE,
        baseline=baseline,
        figures=sorted(others, key=lambda one: -one.rate.middle),
        finalists=frozenset(final) - {BASELINE, TWIN},
        batching=choice.candidate if choice and choice.candidate.batching else next(iter(batched), None),
        limit=limit,
    )
