"""The report of a run: what its files say, as a page, as PDF and as slides. Neither Keras nor TensorFlow is needed."""

from __future__ import annotations

from training.report.live import LiveVersion, find_live
from training.report.write import write_report

__all__ = ["LiveVersion", "find_live", "write_report"]
