"""Runs side by side: the order, the reasons, the warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from training.cli import main
from training.compare.candidate import Candidate
from training.compare.rank import Comparison, compare
from training.errors import RunError

from ..report.made_run import change, make_run


def candidate(name: str, accuracy: float, **keys: Any) -> Candidate:
    known = {"tested": 1000, "macro_f1": accuracy, "parameters": 1000, "model_bytes": 4000, "latency_ms": 3.0}
    report = {"dataset": "d", "labels": ["a", "b"], "counts": {"test": 1000}, "settings": {"seed": 0}}
    return Candidate(
        **{"name": name, "preset": "p", "accuracy": accuracy, "seconds": 60.0, "report": report, **known, **keys}
    )


def ranks(comparison: Comparison) -> list[tuple[int, str]]:
    return [(each.rank, each.candidate.name) for each in comparison.ranking]


def test_the_most_accurate_run_is_best() -> None:
    found = compare([candidate("low", 0.8), candidate("high", 0.95), candidate("middle", 0.9)])
    assert ranks(found) == [(1, "high"), (2, "middle"), (3, "low")]
    assert found.reasons == (
        "high is best: 95.0% of 1,000 test pictures are right.",
        "middle follows at 90.0%, 5.0 points lower: more than the standard error of the test set (0.7).",
    )


def test_of_runs_within_the_standard_error_the_smaller_one_wins() -> None:
    found = compare([candidate("large", 0.95, parameters=9_000), candidate("small", 0.945), candidate("bad", 0.8)])
    assert ranks(found) == [(1, "small"), (1, "large"), (3, "bad")]
    assert "wins as the smallest (1 k parameters against 9 k)" in found.reasons[1]


def test_of_equally_large_ones_the_faster_one_wins() -> None:
    found = compare([candidate("slow", 0.95, latency_ms=9.0), candidate("fast", 0.949)])
    assert ranks(found) == [(1, "fast"), (1, "slow")]
    assert "wins as the fastest (3 ms against 9 ms)" in found.reasons[1]


def test_what_was_not_measured_decides_nothing() -> None:
    unknown = dict.fromkeys(("parameters", "latency_ms", "macro_f1", "model_bytes", "seconds"))
    found = compare([candidate("a", 0.95, **unknown), candidate("b", 0.949, **unknown)])
    assert ranks(found) == [(1, "a"), (1, "b")]
    assert "neither size nor speed decides" in found.reasons[1]


def test_a_much_smaller_run_is_pointed_out() -> None:
    found = compare([candidate("large", 0.95, parameters=90_000), candidate("small", 0.92)])
    assert found.reasons[-1] == "Where size matters more: small has 1 k parameters and loses 3.0 points."


def test_runs_on_other_pictures_cannot_be_compared() -> None:
    other = candidate(
        "other", 0.9, report={"dataset": "d", "labels": ["a", "b"], "counts": {"test": 9}, "settings": {"seed": 1}}
    )
    (warning,) = compare([candidate("first", 0.95), other]).warnings
    assert warning == (
        "other was not tested on the same pictures as first (other numbers of pictures, other seed of the split): "
        "their figures cannot be compared."
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path / "good")
    change(make_run(tmp_path / "<b>other", skill=2.5), dataset="cats")
    return tmp_path


def test_the_command_prints_a_table_the_reasons_and_the_warnings(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "good", "<b>other", "--runs", str(runs), "--html", str(runs / "new" / "page.html")]) == 0
    printed = capsys.readouterr()
    head, first, second, *_ = printed.out.splitlines()
    assert head.split() == [
        "run",
        "preset",
        "accuracy",
        "macro",
        "F1",
        "parameters",
        "size",
        "latency",
        "trained",
        "in",
    ]
    assert first.split()[:3] == ["1.", "good", "resnet-small"]
    assert second.startswith("2.")
    assert "good is best: " in printed.out
    assert printed.err.startswith("Warning: <b>other was not tested on the same pictures as good (other data set)")
    html = (runs / "new" / "page.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;other" in html
    assert "<b>" not in html


@pytest.mark.parametrize("names", [["good"], ["good", "good"]])
def test_one_run_cannot_be_compared(names: list[str], runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *names, "--runs", str(runs)]) == 1
    assert capsys.readouterr().err.startswith("Error: Expected at least two different runs. Received: good")


def test_a_run_without_figures_is_named(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "good" / "report.json").write_text("{}")
    assert main(["compare", "good", "<b>other", "--runs", str(runs)]) == 1
    assert "without it there is nothing to compare" in capsys.readouterr().err
    assert issubclass(RunError, Exception)
