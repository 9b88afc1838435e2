"""Throughput against p99, one numbered dot a candidate, as inline SVG; sizes are in units of its viewBox."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from serving.tuning.measured import Figures
from serving.tuning.outcome import Outcome

WIDTH, HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BASE = 64, 740, 18, 408
_NICE = (1.0, 2.0, 5.0, 10.0)
_TICKS = 6
# Over less than that, ticks at equal steps say more than 1, 2, 5, 10.
_DECADE = 8
_ROOM = 1.12
# Wide intervals may leave the picture; the dots may not.
_SIDE = 0.08


@dataclass(frozen=True)
class Scale:
    """From values to places: `log` for an axis on which equal ratios are equally far apart."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, at the edge if it lies beyond."""
        low, high, value = (math.log(max(one, 1e-9)) if self.log else one for one in (self.low, self.high, value))
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round values along it."""
        if self.log and self.high > _DECADE * self.low:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [digit * 10.0**power for power in powers for digit in _NICE[:-1]]
            return [value for value in found if self.low <= value <= self.high]
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(digit * power for digit in _NICE if digit * power >= rough * 0.99)
        return [index * step for index in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def kind(one: Figures) -> str:
    """What colour and shape a candidate has."""
    return "batching" if one.candidate.batching else "threads"


def chart(found: Outcome) -> str:
    """The SVG; empty if there is nothing to draw.

    Latencies are the candidates' ratios times the baseline's p99, for the machine was not always in the same mood.
    """
    base = found.baseline
    if base is None or base.p99_ms <= 0:
        return ""
    x, y = _scales(found, base)
    limit_ms = found.limit.in_ms(base)
    parts = [_grid(x, y, base), _bands(x, y, found, limit_ms)]
    # The first in the table lie on top.
    dots = [_dot(number, one, x, y, found) for number, one in enumerate(found.figures, 1)]
    parts += [*reversed(dots), _baseline(x, y, base, found)]
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_in_words(found))}">'
        f"{''.join(parts)}</svg>"
    )


def _scales(found: Outcome, base: Figures) -> tuple[Scale, Scale]:
    times = [base.p99_ms, found.limit.in_ms(base), *(_p99_ms(one, base) for one in found.figures)]
    rates = [1.0, *(one.rate.middle for one in found.figures)]
    margin = max(_SIDE, _SIDE * (max(rates) - min(rates)))
    x = Scale(min(times) / _ROOM, max(times) * _ROOM, _LEFT, _RIGHT, log=True)
    return x, Scale(max(0.0, min(rates) - margin), max(rates) + margin, _BASE, _TOP)


def _p99_ms(one: Figures, base: Figures | None) -> float:
    return max(1e-3, one.p99.middle * base.p99_ms) if base else one.p99_ms


def _grid(x: Scale, y: Scale, base: Figures) -> str:
    parts = []
    for tick in y.ticks():
        at = y.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{at}" x2="{_RIGHT}" y2="{at}"/>')
        parts.append(_text(_LEFT - 8, at + 4, f"x{tick:.3g}", "end"))
    for tick in x.ticks():
        at = x.at(tick)
        parts.append(f'<line class="grid" x1="{at}" y1="{_TOP}" x2="{at}" y2="{_BASE}"/>')
        parts.append(_text(at, _BASE + 18, f"{tick:.3g} ms", "middle"))
    parts.append(_text((_LEFT + _RIGHT) / 2, _BASE + 42, "p99 of a call", "middle"))
    parts.append(_text(_LEFT + 6, _TOP + 10, f"throughput; x1 is {base.pictures_per_s:,.0f} pictures/s", "start"))
    return "".join(parts)


def _bands(x: Scale, y: Scale, found: Outcome, limit_ms: float) -> str:
    at = x.at(limit_ms)
    parts = [
        f'<rect class="beyond" x="{at}" y="{_TOP}" width="{_RIGHT - at:.1f}" height="{_BASE - _TOP}"/>',
        f'<line class="limit" x1="{at}" y1="{_TOP}" x2="{at}" y2="{_BASE}"/>',
        _text(at - 6, _BASE - 8, f"limit {limit_ms:.3g} ms", "end"),
    ]
    noise = found.choice.noise if found.choice else None
    if noise and math.isfinite(noise):
        top, bottom = y.at(noise), y.at(1 / noise)
        parts.append(
            f'<rect class="noise" x="{_LEFT}" y="{top}" width="{_RIGHT - _LEFT}" height="{bottom - top:.1f}">'
            f"<title>between two servers of the same configuration: x{noise:.2f}</title></rect>"
        )
    return "".join(parts)


def _dot(number: int, one: Figures, x: Scale, y: Scale, found: Outcome) -> str:
    across, up = x.at(_p99_ms(one, found.baseline)), y.at(one.rate.middle)
    chosen = one.candidate == found.candidate
    sure = one.candidate in found.finalists
    bars = _bar(across, one, y) if sure and math.isfinite(one.rate.high) else ""
    ring = f'<circle class="ring" cx="{across}" cy="{up}" r="14"/>' if chosen else ""
    names = f"dot {kind(one)}{'' if sure else ' once'}"
    title = f"{number}. {one.candidate}: x{one.rate} pictures/s, p99 x{one.p99.middle:.2f}"
    return (
        f"<g><title>{escape(title)}</title>{bars}{ring}"
        f'<circle class="{names}" cx="{across}" cy="{up}" r="9"/>'
        f'<text class="number" x="{across}" y="{up + 3.5:.1f}" text-anchor="middle">{number}</text></g>'
    )


def _bar(across: float, one: Figures, y: Scale) -> str:
    low, high = y.at(one.rate.low), y.at(one.rate.high)
    return f'<line class="bar {kind(one)}" x1="{across}" y1="{low}" x2="{across}" y2="{high}"/>'


def _baseline(x: Scale, y: Scale, base: Figures, found: Outcome) -> str:
    across, up = x.at(base.p99_ms), y.at(1.0)
    ring = f'<circle class="ring" cx="{across}" cy="{up}" r="15"/>' if found.candidate == base.candidate else ""
    return (
        f"<g><title>baseline: {base.pictures_per_s:,.0f} pictures/s, p99 {base.p99_ms:.3g} ms</title>{ring}"
        f'<rect class="dot baseline" x="{across - 8:.1f}" y="{up - 8:.1f}" width="16" height="16" rx="3"/>'
        f'<text class="number" x="{across}" y="{up + 3.5:.1f}" text-anchor="middle">B</text></g>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _in_words(found: Outcome) -> str:
    return f"Throughput against p99 of {len(found.figures)} candidates and the baseline. {found.headline()}"
