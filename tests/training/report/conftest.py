"""One made-up run with its three reports, for all tests that only look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from training.report import write_report
from training.runs import Run

from .made_run import make_run

# What a folder may be called, by accident or on purpose.
ODD_LABELS = (
    "<script>alert(1)</script>",
    "קטן/חתול",
    "a very long label that goes on and on, " * 6,
    '\x01control "quoted"\n',
    "日本語",
    "{{ 7 * 7 }}",
    "x'y&z",
)


@dataclass(frozen=True)
class Reported:
    """A run and the files of its report."""

    run: Run
    written: list[Path]

    @property
    def html(self) -> str:
        return (self.run.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    run = make_run(tmp_path_factory.mktemp("runs") / "digits-20260102-120000")
    return Reported(run, write_report(run))


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """Odd labels, and a model that is often wrong."""
    run = make_run(tmp_path_factory.mktemp("odd") / "run", ODD_LABELS, tested=70, skill=1.5)
    return Reported(run, write_report(run))
