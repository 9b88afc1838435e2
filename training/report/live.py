"""The version that is live, and how a run stands beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.card import CardError, ModelCard
from contract.versions import PublishError, check_name
from training.errors import RunError
from training.export.live import live_version
from training.report.facts import Facts, clean
from training.report.results import class_rows
from training.report.statistics import difference_error
from training.report.words import TIMES, milliseconds, percent, points, short, size

_SHOWN_CHANGES = 8
# Of the standard error of a difference: beyond it, chance is no explanation any more (95 %).
_SURE = 2.0
_ECE = ("calibration", "after", "ece")


@dataclass(frozen=True)
class LiveVersion:
    """A version in the model repository, as it was published.

    Attributes:
        name: The model's.
        version: Its number.
        card: Its ModelCard.
        report: Its training's ``report.json``, with what the export added.
    """

    name: str
    version: int
    card: ModelCard
    report: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A figure of both. `better` is None where neither is, or nobody can say."""

    name: str
    new: str
    live: str
    difference: str = ""
    better: bool | None = None


@dataclass(frozen=True)
class Beside:
    """The comparison.

    Attributes:
        version: The live one's number.
        sentence: What it comes to.
        caveat: Why the figures may not be comparable; empty if they are.
        rows: Figure by figure.
        classes: Those whose F1 changed most: label, new, live, difference.
        worse: Whether the run is worse by more than chance.
        better: Whether it is better by more than chance.
    """

    version: int
    sentence: str
    caveat: str
    rows: tuple[Row, ...]
    classes: tuple[Row, ...]
    worse: bool
    better: bool


def find_live(repository: Path, name: str) -> LiveVersion | None:
    """The version of a model that callers get: the one labelled ``stable``, else the one with the highest number.

    Raises:
        RunError: The release state, the version's card or its report cannot be read.
    """
    check_name(name)
    try:
        version = live_version(repository, name)
    except PublishError as error:
        raise RunError(str(error)) from error
    if version is None:
        return None
    try:
        card = version.read_card()
        report = json.loads((version.folder / "assets.extra" / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, CardError) as error:
        raise RunError(
            f"Version {version.number} of {name} in {repository} cannot be compared with: {error}"
        ) from error
    return LiveVersion(name, version.number, card, clean(report))


def beside(facts: Facts, live: LiveVersion) -> Beside:
    """The run beside the live version. Raises KeyError if either has no accuracy."""
    new, old = facts.report, live.report
    difference = new["accuracy"] - old["accuracy"]
    error = difference_error(new["accuracy"], facts.tested, old["accuracy"], int(old["counts"]["test"]))
    sure = abs(difference) > _SURE * error
    return Beside(
        version=live.version,
        sentence=_sentence(live.version, difference, sure),
        caveat=_caveat(facts, live),
        rows=tuple(_rows(facts, live)),
        classes=tuple(_class_changes(new, old)),
        worse=sure and difference < 0,
        better=sure and difference > 0,
    )


def same_test(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """What speaks against two reports' figures being of the same test pictures; empty if nothing does."""
    reasons = []
    for what, key in (("data set", "dataset"), ("labels", "labels"), ("numbers of pictures", "counts")):
        if first.get(key) != second.get(key):
            reasons.append(what)
    if first.get("settings", {}).get("seed") != second.get("settings", {}).get("seed"):
        reasons.append("seed of the split")
    return reasons


def _sentence(version: int, difference: float, sure: bool) -> str:
    if not sure:
        return f"It is as accurate as version {version}, which is live: the difference is within chance."
    word = "more" if difference > 0 else "less"
    return f"It is {word} accurate than version {version}, which is live, by {points(abs(difference))[1:]} points."


def _caveat(facts: Facts, live: LiveVersion) -> str:
    reasons = same_test(facts.report, live.report)
    if not reasons:
        return ""
    return f"The two were not measured on the same test pictures (other {' and '.join(reasons)}): compare with care."


def _rows(facts: Facts, live: LiveVersion) -> list[Row]:
    new, old = facts.report, live.report
    found = [
        _share("Accuracy", new["accuracy"], old["accuracy"]),
        _share("Mean F1 of the classes", _at(new, "macro", "f1"), _at(old, "macro", "f1")),
        _amount("Calibration error", _at(new, *_ECE), _at(old, *_ECE), percent),
        _amount("Parameters", new.get("parameters"), old.get("parameters"), short),
        _amount("Size of the model", new.get("model_bytes"), old.get("model_bytes"), size),
        _amount("Time for one picture", _latency(new), _latency(old), milliseconds),
    ]  # fmt: skip
    return [row for row in found if row]


def _latency(report: dict[str, Any]) -> float | None:
    return _at(report, "latency", "1", "p50_ms")


def _at(value: Any, *keys: str) -> float | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, int | float) else None


def _share(name: str, new: float | None, old: float | None) -> Row | None:
    if new is None or old is None:
        return None
    difference = points(new - old)
    better = None if difference == "0.0" else new > old
    return Row(name, percent(new), percent(old), f"{difference} points", better)


def _amount(name: str, new: float | None, old: float | None, form: Any) -> Row | None:
    """A figure that is better when it is smaller."""
    if new is None or old is None or not old:
        return None
    ratio = new / old
    same = 0.95 < ratio < 1.05
    return Row(name, form(new), form(old), "the same" if same else f"{TIMES} {ratio:.2g}", None if same else ratio < 1)


def _class_changes(new: dict[str, Any], old: dict[str, Any]) -> list[Row]:
    before = {row.label: row.f1 for row in class_rows(old)} if "per_class" in old else {}
    rows = [row for row in class_rows(new) if row.label in before]
    rows.sort(key=lambda row: -abs(row.f1 - before[row.label]))
    changed = [_share(row.label, row.f1, before[row.label]) for row in rows[:_SHOWN_CHANGES]]
    return [row for row in changed if row and row.better is not None]
