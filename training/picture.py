"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# With more classes than this the numbers would be too small to read; the colours still tell.
_MAX_NUMBERED = 40


def draw_confusion_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Writes a PNG: rows are the right classes, columns the answers, colours the share of the row, numbers the counts.

    Args:
        matrix: [K][K] counts.
        labels: K class names.
        path: Where to.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(5.0, 0.55 * len(labels) + 2.5), 30.0)
    figure = Figure(figsize=(side, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    positions = np.arange(len(labels))
    axes.set_xticks(positions, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(positions, labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("right class")
    axes.set_title(f"{int(np.trace(counts)):,} of {int(counts.sum()):,} test pictures right")
    if len(labels) <= _MAX_NUMBERED:
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=9)
    figure.savefig(path)
