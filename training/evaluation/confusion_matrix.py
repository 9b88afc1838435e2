"""The confusion matrix as a picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

# With more classes than this the numbers, or the names, would be too small to read; the colours still tell.
_MAX_NUMBERED = 40
_MAX_NAMED = 100
_MAX_LETTERS = 32


def draw_confusion_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Writes a PNG: rows are the right classes, columns the answers, colours the share of the row, numbers the counts.

    Args:
        matrix: [K][K] counts.
        labels: K class names.
        path: Where to.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(5.0, 0.55 * len(labels) + 2.5), 25.0)
    figure = Figure(figsize=(side, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel("answer")
    axes.set_ylabel("right class")
    axes.set_title(f"{int(np.trace(counts)):,} of {int(counts.sum()):,} test pictures right")
    if len(labels) <= _MAX_NAMED:
        _name_classes(axes, labels)
    if len(labels) <= _MAX_NUMBERED:
        _write_counts(axes, counts, shares)
    with warnings.catch_warnings():
        # A label may be in a script that matplotlib's font lacks: boxes then, and the table has the name.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(path)


def _name_classes(axes: Axes, labels: Sequence[str]) -> None:
    # A dollar sign would begin a formula.
    names = [_shortened(label).replace("$", r"\$") for label in labels]
    size = 10 if len(labels) <= _MAX_NUMBERED else 7
    positions = np.arange(len(labels))
    axes.set_xticks(positions, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(positions, names, fontsize=size)


def _shortened(label: str) -> str:
    return label if len(label) <= _MAX_LETTERS else f"{label[: _MAX_LETTERS - 1]}…"


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=9)
