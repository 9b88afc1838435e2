"""A look at the pictures before anything is trained on them: counts, sizes, what is unreadable, what is there twice."""

from __future__ import annotations

from training.inspection.inspection import Inspection, inspect
from training.inspection.summary import summary
from training.inspection.write import write

__all__ = ["Inspection", "inspect", "summary", "write"]
