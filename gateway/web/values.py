"""Values of any origin, as cards and reports hold them: what is not what it should be is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def finite(value: object) -> float | None:
    """A finite number; None for anything else, truth values too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # A whole number beyond all floats.
        return None


def moment(value: object) -> datetime | None:
    """An ISO 8601 moment that says its time zone, in UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found.astimezone(UTC) if found is not None and found.tzinfo else None
    except (ValueError, OverflowError):
        return None
