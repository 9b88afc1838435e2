"""Figures and moments as people read them; a dash where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NONE = "–"  # noqa: RUF001 - a dash, as a table has it


def percent(share: float | None) -> str:
    """A share of 1; what is not quite 0 or 1 is not shown as such."""
    if share is None:
        return NONE
    if abs(share) >= 10:  # No share at all, but somebody wrote it.
        return f"{100 * share:.3g}%"
    if 0 < share < 0.0005:
        return "< 0.1%"
    if 0.9995 < share < 1:
        return "> 99.9%"
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def milliseconds(value: float | None) -> str:
    """A time in ms, in seconds from one on."""
    if value is None:
        return NONE
    if value >= 1000:
        return f"{value / 1000:.3g} s"
    return f"{value:.2g} ms" if value < 10 else f"{value:.3g} ms"


def count(value: float | None) -> str:
    """A whole number."""
    return NONE if value is None else f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.3g}"


def decimal(value: float | None) -> str:
    """A number with three figures."""
    return NONE if value is None else f"{value:.3g}"


def duration(seconds: float) -> str:
    """How long something is or was, in its one or two largest units."""
    whole = max(0, round(seconds))
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def day(at: datetime) -> str:
    """A day in UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y}"


def moment(at: datetime) -> str:
    """A moment in UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def ago(at: datetime, now: datetime) -> str:
    """How long ago a moment was."""
    passed = now - at
    return f"{duration(passed.total_seconds())} ago" if passed > timedelta(seconds=1) else "just now"
