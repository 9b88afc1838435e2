"""Line charts as inline SVG: colours stand in attributes, for print, and in classes, which the page's style overrides.

WeasyPrint reads no style sheet of the page inside an SVG, and a browser takes the style sheet before the attribute: so
each gets what it needs, and dark mode costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 400, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 36
_ACCENT, _SOFT, _GRID, _INK = "#0e7c66", "#5a6560", "#dcddd6", "#1d2421"
_NICE = (1, 2, 2.5, 5, 10)

Format = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """A curve: its name and its points, by ascending x. `accent` is the one to look at."""

    name: str
    points: tuple[tuple[float, float], ...]
    accent: bool = True
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """What an axis says, what it spans, how its numbers are written, and whether there are only whole ones."""

    title: str
    low: float
    high: float
    form: Format
    whole: bool = False

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers from `low` to `high`, about as many as wanted."""
        span = (self.high - self.low) or 1.0
        power = 10.0 ** math.floor(math.log10(span / wanted))
        steps = (nice * power for nice in _NICE if span / (nice * power) <= wanted)
        step = next(step for step in steps if not self.whole or step.is_integer() or step >= _NICE[-1] * power)
        step = max(step, 1.0) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [index * step for index in range(first, math.floor(self.high / step + 1e-9) + 1)]


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, description: str) -> Markup:
    """An SVG of the lines.

    Args:
        lines: One or more, each with at least one point.
        x: The horizontal axis.
        y: The vertical axis.
        description: What the chart shows, for those who do not see it.
    """
    parts = [_grid(x, y), *(_line(line, x, y) for line in lines)]
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" font-family="sans-serif" font-size="11">'
        "{}</svg>"
    ).format(WIDTH, HEIGHT, description, Markup("").join(parts))


def reliability_chart(lines: Sequence[Line], description: str) -> Markup:
    """How often an answer was right over how sure the model was; the diagonal is honesty itself."""
    diagonal = Line("as sure as right", ((0.0, 0.0), (1.0, 1.0)), accent=False)
    x = Axis("probability that the model gave", 0.0, 1.0, lambda value: f"{value:.0%}")
    y = Axis("share that was right", 0.0, 1.0, lambda value: f"{value:.0%}")
    return line_chart([diagonal, *lines], x, y, description)


def _place(x: Axis, y: Axis, point: tuple[float, float]) -> tuple[float, float]:
    across = (point[0] - x.low) / ((x.high - x.low) or 1.0)
    up = (point[1] - y.low) / ((y.high - y.low) or 1.0)
    return (
        round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
        round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1),
    )


def _grid(x: Axis, y: Axis) -> Markup:
    parts = []
    for tick in y.ticks():
        _, at = _place(x, y, (x.low, tick))
        parts.append(_rule(_LEFT, at, WIDTH - _RIGHT, at))
        parts.append(_text(_LEFT - 6, at + 4, y.form(tick), "end"))
    for tick in x.ticks():
        at, _ = _place(x, y, (tick, y.low))
        parts.append(_text(at, HEIGHT - _BOTTOM + 15, x.form(tick), "middle"))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 4, x.title, "middle"))
    return Markup("").join(parts)


def _rule(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="grid" stroke="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_GRID, x1, y1, x2, y2)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="soft" fill="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        _SOFT, x, y, anchor, text
    )


def _line(line: Line, x: Axis, y: Axis) -> Markup:
    placed = [_place(x, y, point) for point in line.points]
    colour = _ACCENT if line.accent else _SOFT
    name, dash = ("accent", "") if line.accent else ("soft", "4 4")
    path = Markup(
        '<polyline class="line {}" fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}" '
        'stroke-linejoin="round" points="{}"><title>{}</title></polyline>'
    ).format(name, colour, 2.5 if line.accent else 1.5, dash or "none", _points(placed), line.name)
    dots = placed if line.dots or len(placed) == 1 else []
    return path + Markup("").join(
        Markup('<circle class="dot {}" fill="{}" cx="{}" cy="{}" r="3.5"/>').format(name, colour, *at) for at in dots
    )


def _points(placed: Sequence[tuple[float, float]]) -> Markup:
    return escape(" ".join(f"{px},{py}" for px, py in placed))
