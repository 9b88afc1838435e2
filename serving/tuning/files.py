"""What an operator takes from a tuning: ``batching.config``, and the flags to start model servers with."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from serving.tuning.journal import Journal
from serving.tuning.measured import Figures
from serving.tuning.outcome import Outcome
from serving.tuning.rule import RULE

_WIDTH = 116


def batching_config(found: Outcome, journal: Journal) -> str | None:
    """The text proto, with how it was found; None if no batching was measured that could be used."""
    if found.batching is None or found.batching.batching is None:
        return None
    if found.choice is None:
        verdict = "NOT FINISHED: the best batching so far, which was not measured a second time."
    elif found.candidate.batching is None:
        verdict = (
            "LEAVE BATCHING OFF (--enable_batching=false): on this machine no batching was better than none beyond the "
            "noise. The best of what was measured, where it must stay on:"
        )
    else:
        verdict = "Recommended: better than batching off beyond the noise."
    own = next(one for one in found.figures if one.candidate == found.batching)
    return _comment(["TensorFlow Serving's request batching (--batching_parameters_file).", verdict, _line(own)]) + (
        _comment(_how(found, journal)) + found.batching.batching.to_text()
    )


def flags(found: Outcome, journal: Journal) -> str:
    """The flags of the choice, one a line; comments say how they were found."""
    candidate = found.candidate
    batching = ["--enable_batching=false"]
    if candidate.batching:
        batching = ["--enable_batching=true", "--batching_parameters_file=/etc/vitrine/batching.config"]
    threads = candidate.thread_flags or ["# No flags for threads: TensorFlow Serving's defaults."]
    heading = _comment([found.headline(), *_how(found, journal)])
    return heading + "\n".join([*threads, *batching]) + "\n"


def _how(found: Outcome, journal: Journal) -> Sequence[str]:
    told = journal.subject
    base = found.baseline
    return [
        f"Found by `python -m serving tune` on {journal.begun} with {told['model']} {told['version']} on "
        f"{told['cpus']} CPUs ({told['cpu']}) by {told['clients']} clients, calls of {told['pictures']} pictures "
        f"(size:weight), on {told['server']}.",
        f"Baseline: the defaults, batching off: {base.pictures_per_s:,.0f} pictures/s, p99 {base.p99_ms:.3g} ms."
        if base
        else "The baseline was not measured.",
        f"Rule: {RULE}",
        *(found.choice.reasons if found.choice else ()),
        *journal.notes,
    ]


def _line(one: Figures) -> str:
    return (
        f"{one.candidate}: x{one.rate} pictures/s, p99 x{one.p99.middle:.2f} to the baseline, over {one.rounds} rounds."
    )


def _comment(sentences: Sequence[str]) -> str:
    lines = [line for one in sentences for line in textwrap.wrap(one, _WIDTH, break_long_words=False)]
    return "".join(f"# {line}\n" for line in lines)
