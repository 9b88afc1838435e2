"""The report as slides, 16:9, with charts that can be edited."""

from __future__ import annotations

from training.report.slides.content import write_slides

__all__ = ["write_slides"]
