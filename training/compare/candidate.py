"""What is compared of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.errors import RunError
from training.report.facts import read_facts
from training.report.statistics import standard_error
from training.runs import Run


@dataclass(frozen=True)
class Candidate:
    """A run's figures; None where it was not measured.

    Attributes:
        name: Of its folder.
        preset: What it was trained with.
        accuracy: Share of the test pictures named correctly.
        tested: How many there were.
        macro_f1: Mean F1 of the classes.
        parameters: How many.
        model_bytes: Size of the file.
        latency_ms: Median time for one picture.
        seconds: Time of the training.
        report: Of which data and which split it speaks.
    """

    name: str
    preset: str
    accuracy: float
    tested: int
    macro_f1: float | None
    parameters: int | None
    model_bytes: int | None
    latency_ms: float | None
    seconds: float | None
    report: dict[str, Any]

    @property
    def error(self) -> float:
        """The binomial standard error of the accuracy."""
        return standard_error(self.accuracy, self.tested)


def read_candidate(run: Run) -> Candidate:
    """Reads a run's figures.

    Raises:
        RunError: The run is not finished, a file is damaged, or it has no accuracy.
    """
    report = read_facts(run).report
    try:
        accuracy, tested = float(report["accuracy"]), int(report["counts"]["test"])
    except KeyError as error:
        raise RunError(f"Expected {run.report} to have {error}: without it there is nothing to compare") from error
    return Candidate(
        name=run.folder.name,
        preset=str(report.get("settings", {}).get("preset", {}).get("name", "")),
        accuracy=accuracy,
        tested=tested,
        macro_f1=report.get("macro", {}).get("f1"),
        parameters=report.get("parameters"),
        model_bytes=report.get("model_bytes"),
        latency_ms=report.get("latency", {}).get("1", {}).get("p50_ms"),
        seconds=report.get("seconds"),
        report=report,
    )
