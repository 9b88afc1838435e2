"""Small plots as lines of SVG, each with its words for who does not see it. Sizes are in units of a viewBox."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.histogram import Histogram
from gateway.web.operations import words
from gateway.web.operations.comparison import Comparison
from gateway.web.operations.report import Report, Step

WIDTH, HEIGHT = 320, 132
_LEFT, _RIGHT, _TOP, _BASE = 6, 314, 8, 108
_FEWEST_BUCKETS = 6
_MOST_TICKS = 4
SPARK_WIDTH, SPARK_HEIGHT = 132, 44
_SPARK_MARGIN = 5


@dataclass(frozen=True)
class Plot:
    """Two distributions, one over the other.

    Attributes:
        title: What is shown.
        text: The same in words.
        stable: The path of the filled area.
        candidate: The path of the line.
        ticks: Place and text of what stands below the axis.
    """

    title: str
    text: str
    stable: str
    candidate: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Spark:
    """A figure's way over the steps of a rollout.

    Attributes:
        title: Which figure.
        text: Its values in words.
        stable: The points of the stable version's line; empty if it has none.
        candidate: Those of the candidate's, or of what both have in common.
        dots: Where the candidate's values stand.
        last: The last value, as text.
    """

    title: str
    text: str
    stable: str
    candidate: str
    dots: tuple[tuple[float, float], ...]
    last: str


def plots(compared: Comparison) -> list[Plot]:
    """What there is to draw of a comparison: latency, confidence."""
    latency = _plot("Latency, share of requests", compared, compared.seconds, _seconds)
    confidence = _plot("Confidence, share of pictures", compared, compared.confidence, lambda share: f"{share:.3g}")
    return [plot for plot in (latency, confidence) if plot]


def sparks(report: Report) -> list[Spark]:
    """A rollout's curves; those that have no value are left out, and all of them before there is a second step."""
    if len(report.steps) < 2:
        return []
    drawn = [
        _spark("Traffic", [_percent(step) for step in report.steps], (), words.percent, top=1.0),
        _spark("Error rate", *_sides(report.steps, "error_rate"), words.percent),
        _spark("p95", *_sides(report.steps, "p95_ms"), words.milliseconds),
        _spark("Agreement", [step.agreement for step in report.steps], (), words.percent, top=1.0),
    ]
    return [spark for spark in drawn if spark]


def _plot(
    title: str,
    compared: Comparison,
    both: tuple[Histogram | None, Histogram | None],
    shown: Callable[[float], str],
) -> Plot | None:
    stable, candidate = both
    known = [one for one in both if one is not None and one.count]
    if not known or len({one.bounds for one in known}) > 1:
        return None
    bounds = known[0].bounds
    first, last = _used(known)
    empty = (0.0,) * len(bounds)
    heights = [(one.shares if one is not None and one.count else empty)[first:last] for one in (stable, candidate)]
    highest = max(max(shares) for shares in heights)
    text = "; ".join(
        _in_words(version, one, shown) for version, one in ((compared.stable, stable), (compared.candidate, candidate))
    )
    return Plot(
        title=title,
        text=f"{title}: {text}",
        stable=_steps(heights[0], highest, closed=True),
        candidate=_steps(heights[1], highest, closed=False) if any(heights[1]) else "",
        ticks=_ticks(bounds, first, last, shown),
    )


def _used(known: Sequence[Histogram]) -> tuple[int, int]:
    """The range of buckets that hold anything, a few wide at least."""
    size = len(known[0].bounds)
    used = [place for place in range(size) if any(one.counts[place] for one in known)]
    first, last = used[0], used[-1] + 1
    while last - first < min(_FEWEST_BUCKETS, size):
        first, last = max(0, first - 1), min(size, last + 1)
    return first, last


def _steps(shares: Sequence[float], highest: float, *, closed: bool) -> str:
    """A path along the tops of equally wide bars."""
    width = (_RIGHT - _LEFT) / len(shares)
    path = [f"M{_LEFT} {_BASE}"]
    for place, share in enumerate(shares):
        path.append(f"V{_BASE - (_BASE - _TOP) * share / highest:.1f}H{_LEFT + width * (place + 1):.1f}")
    return "".join(path) + f"V{_BASE}" + ("Z" if closed else "")


def _ticks(
    bounds: Sequence[float], first: int, last: int, shown: Callable[[float], str]
) -> tuple[tuple[float, str], ...]:
    """Texts below the edges between buckets, not too many of them."""
    width = (_RIGHT - _LEFT) / (last - first)
    edges = [place for place in range(first, last) if math.isfinite(bounds[place])]
    step = math.ceil(len(edges) / _MOST_TICKS)
    return tuple((round(_LEFT + width * (place - first + 1), 1), shown(bounds[place])) for place in edges[::step])


def _in_words(version: int, one: Histogram | None, shown: Callable[[float], str]) -> str:
    if one is None or not one.count:
        return f"nothing of version {version} yet"
    low, half, high = (shown(one.quantile(share) or 0.0) for share in (0.05, 0.5, 0.95))
    return f"version {version}: half up to {half}, nine in ten from {low} to {high}"


def _seconds(value: float) -> str:
    """To two figures: a bucket's bounds are no more exact."""
    return words.milliseconds(float(f"{1000 * value:.2g}"))


def _percent(step: Step) -> float | None:
    return None if step.percent is None else step.percent / 100


def _sides(steps: Sequence[Step], name: str) -> tuple[list[float | None], list[float | None]]:
    return [getattr(step.candidate, name) for step in steps], [getattr(step.stable, name) for step in steps]


def _spark(
    title: str,
    candidate: Sequence[float | None],
    stable: Sequence[float | None],
    shown: Callable[[float | None], str],
    top: float = 0.0,
) -> Spark | None:
    values = [value for value in (*candidate, *stable) if value is not None]
    told = [value for value in candidate if value is not None]
    if not told:
        return None
    highest = max(top, *values) or 1.0
    points, beside = _points(candidate, highest), _points(stable, highest)
    text = f"{title} by step: " + ", ".join(shown(value) for value in candidate)
    if beside:
        text += "; of stable: " + ", ".join(shown(value) for value in stable)
    return Spark(title, text, _line(beside), _line(points), tuple(points), shown(told[-1]))


def _points(values: Sequence[float | None], highest: float) -> list[tuple[float, float]]:
    width, height = SPARK_WIDTH - 2 * _SPARK_MARGIN, SPARK_HEIGHT - 2 * _SPARK_MARGIN
    apart = width / max(1, len(values) - 1)
    return [
        (round(_SPARK_MARGIN + apart * place, 1), round(_SPARK_MARGIN + height * (1 - max(0.0, value) / highest), 1))
        for place, value in enumerate(values)
        if value is not None
    ]


def _line(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
