"""The section on the training: its settings, its curves, how fast it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from training.report.charts import Axis, Line, line_chart
from training.report.facts import Facts, Json
from training.report.preparation import AUGMENTATION_NAMES, flat
from training.report.words import duration, number, percent, shorten

_SETTINGS = {"name": "preset", "epochs": "epochs of the preset"}


@dataclass(frozen=True)
class Curve:
    """A chart with what stands above it."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Fitting:
    """The section: settings and facts as (name, value), and the curves."""

    settings: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    curves: tuple[Curve, ...]


def fitting(facts: Facts) -> Fitting:
    """The section. Raises KeyError if the run says nothing of its settings."""
    return Fitting(tuple(_settings(facts)), tuple(_facts(facts)), tuple(_curves(facts.history)))


def images_per_second(facts: Facts) -> float | None:
    """Training pictures a second, validation included; None where nobody counted."""
    seconds = sum(float(epoch.get("seconds", 0)) for epoch in facts.history)
    return facts.report["counts"]["train"] * len(facts.history) / seconds if seconds else None


def series(history: list[Json], key: str) -> tuple[tuple[float, float], ...]:
    """A figure over the epochs; epochs that lack it are left out."""
    return tuple((float(row["epoch"]), float(row[key])) for row in history if isinstance(row.get(key), int | float))


def _settings(facts: Facts) -> list[tuple[str, str]]:
    found = [("seed", str(facts.seed)), ("epochs trained", number(facts.epochs))]
    asked = facts.report["settings"]
    if "precision" in asked:
        found.append(("precision", str(asked["precision"])))
    weights = asked.get("class_weights") or {}
    if len(set(weights.values())) > 1:
        rare, frequent = max(weights, key=weights.__getitem__), min(weights, key=weights.__getitem__)
        span = f"{weights[rare]:g} ({shorten(rare, 24)}) to {weights[frequent]:g} ({shorten(frequent, 24)})"
        found.append(("class weights", span))
    shown = {key: value for key, value in flat(facts.preset).items() if key not in AUGMENTATION_NAMES}
    return [(_SETTINGS.get(key, key.replace("_", " ")), _value(value)) for key, value in shown.items()] + found


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not set"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _facts(facts: Facts) -> list[tuple[str, str]]:
    report = facts.report
    found = []
    if "seconds" in report:
        found.append(("Time", duration(report["seconds"])))
    rate = images_per_second(facts)
    if rate:
        found.append(("Speed", f"{rate:,.0f} pictures a second"))
    if isinstance(report.get("waiting"), int | float):
        found.append(("Waiting for data", percent(report["waiting"])))
    if report.get("hardware"):
        found.append(("Hardware", str(report["hardware"])))
    return found


def _curves(history: list[Json]) -> list[Curve]:
    losses = _both(history, "loss", "Loss", "Mean cross-entropy of an epoch: lower is better.", _loss_axis)
    right = _both(history, "accuracy", "Accuracy", "Share of pictures named correctly: higher is better.", _share_axis)
    rate = series(history, "learning_rate")
    found = [curve for curve in (losses, right) if curve]
    if rate:
        axis = Axis("", 0.0, max(value for _, value in rate) * 1.05 or 1.0, lambda value: f"{value:g}")
        svg = line_chart([Line("learning rate", rate)], _epochs(history), axis, "The learning rate over the epochs")
        found.append(Curve("Learning rate", "How large the steps were, at each epoch's end.", svg))
    return found


def _both(history: list[Json], key: str, title: str, caption: str, axis: Any) -> Curve | None:
    train, validation = series(history, key), series(history, f"validation_{key}")
    if not train or not validation:
        return None
    lines = [Line("training", train, accent=False), Line("validation", validation)]
    text = f"{title} over the epochs: training ends at {train[-1][1]:.3f}, validation at {validation[-1][1]:.3f}"
    values = [value for _, value in (*train, *validation)]
    return Curve(title, caption, line_chart(lines, _epochs(history), axis(values), text))


def _epochs(history: list[Json]) -> Axis:
    last = max(float(row["epoch"]) for row in history)
    return Axis("epoch", min(1.0, last - 1), last, lambda value: f"{value:g}", whole=True)


def _loss_axis(values: list[float]) -> Axis:
    return Axis("", 0.0, max(values) * 1.05, lambda value: f"{value:g}")


def _share_axis(values: list[float]) -> Axis:
    low = max(0.0, min(values) - 0.02)
    return Axis("", low, 1.0, lambda value: f"{value:.0%}" if 1 - low > 0.12 else f"{value:.1%}")
