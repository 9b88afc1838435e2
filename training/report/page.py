"""The page of a run: every section for which its files have the figures; of the others it says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.report import network, words
from training.report.advice import advice, reproduction
from training.report.data import data
from training.report.facts import Facts
from training.report.failures import failures
from training.report.fitting import fitting
from training.report.live import Beside, LiveVersion, beside
from training.report.preparation import preparation
from training.report.quality import LEAST_IN_BIN, calibration, unknown
from training.report.results import results
from training.report.verdict import Verdict, verdict

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A section: its view for the template, or the sentence that stands in its place."""

    view: Any
    missing: str = ""


@dataclass(frozen=True)
class Page:
    """All sections of a run, worked out once for the page and the slides."""

    facts: Facts
    verdict: Verdict | None
    beside: Beside | None
    sections: dict[str, Section]


def make_page(facts: Facts, live: LiveVersion | None) -> Page:
    """Works out every section."""
    compared = _attempt(lambda: beside(facts, live)).view if live else None
    judged = _attempt(lambda: verdict(facts, compared)).view
    makers: dict[str, Callable[[], Any]] = {
        "results": lambda: results(facts),
        "data": lambda: data(facts),
        "preparation": lambda: preparation(facts),
        "network": lambda: network.stages(facts.report["architecture"]),
        "fitting": lambda: fitting(facts),
        "calibration": lambda: calibration(facts),
        "unknown": lambda: unknown(facts),
        "failures": lambda: failures(facts),
        "latency": lambda: facts.report["latency"],
        "advice": lambda: advice(facts),
        "reproduction": lambda: reproduction(facts),
    }
    return Page(facts, judged, compared, {name: _attempt(make) for name, make in makers.items()})


def render(page: Page) -> str:
    """The page as one self-contained HTML document."""
    template = environment().get_template("report.html")
    return template.render(
        facts=page.facts,
        report=page.facts.report,
        card=page.facts.card,
        verdict=page.verdict,
        beside=page.beside,
        missing={name: section.missing for name, section in page.sections.items()},
        diagram=network.diagram,
        least_in_bin=LEAST_IN_BIN,
        headline=headline(page),
        **{name: section.view for name, section in page.sections.items()},
    )


def headline(page: Page) -> list[tuple[str, str, str]]:
    """The figures beside the verdict: name, value, a remark."""
    report, found = page.facts.report, page.sections["results"].view
    figures = []
    if found:
        level = found.level
        span = f"{words.percent(level.low)} to {words.percent(level.high)}"
        figures.append(("Accuracy", words.percent(level.accuracy), span))
        figures.append(("Mean F1 of the classes", f"{level.means[0][3]:.3f}", f"{len(level.classes):,} classes"))
    if "parameters" in report:
        size = words.size(report["model_bytes"]) if "model_bytes" in report else "weights"
        figures.append(("Parameters", words.short(report["parameters"]), size))
    if "latency" in report and "1" in report["latency"]:
        figures.append(("One picture takes", words.milliseconds(report["latency"]["1"]["p50_ms"]), "median"))
    elif "seconds" in report:
        figures.append(("Training took", words.duration(report["seconds"]), ""))
    return figures


def environment() -> jinja2.Environment:
    """Templates with everything escaped, and with the words that numbers are said in."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("percent", "number", "short", "size", "duration", "milliseconds", "shorten", "points")
    made.filters |= {name: getattr(words, name) for name in names}
    made.globals["count"] = words.count
    return made


def _attempt(make: Callable[[], Any]) -> Section:
    try:
        return Section(make())
    except KeyError as error:
        return Section(None, f"The files of this run have no “{error.args[0]}”: an older release wrote them.")
