"""The network as a person draws it: its layers gathered into stages, and a figure of them."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from training.report.words import TIMES, across, number, short

Layer = dict[str, Any]
_MOST_STAGES = 10
# Said of a stage, for they decide; the others (activations, paddings, …) go without saying.
_TELLING = (
    "Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Dense", "BatchNormalization", "MaxPooling2D", "AveragePooling2D",
    "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Dropout", "Add", "Concatenate", "Multiply",
    "Normalization", "Rescaling", "Softmax", "Functional",
)  # fmt: skip
_WORDS = {
    "Conv2D": "convolution", "SeparableConv2D": "separable convolution", "DepthwiseConv2D": "depthwise convolution",
    "Dense": "dense", "BatchNormalization": "batch norm", "MaxPooling2D": "max pooling", "Add": "residual sum",
    "AveragePooling2D": "average pooling", "GlobalAveragePooling2D": "global average", "Flatten": "flatten",
    "GlobalMaxPooling2D": "global maximum", "Dropout": "dropout", "Concatenate": "concatenation",
    "Multiply": "gating", "Normalization": "normalisation", "Rescaling": "scaling", "Softmax": "softmax",
    "Functional": "backbone",
}  # fmt: skip
_HEIGHT, _BASE, _GAP, _SLOT = 236, 150, 14, 92


@dataclass(frozen=True)
class Stage:
    """Layers that follow each other and give maps of one shape, or in long networks of one resolution.

    Attributes:
        title: Height and width of its maps, or ``vector``.
        channels: Of its output.
        side: Pixels of a map's longer side; 1 for vectors.
        layers: What it is made of, in words.
        parameters: Of all its layers.
        residual: Whether a shortcut leads past some of them.
    """

    title: str
    channels: int
    side: int
    layers: str
    parameters: int
    residual: bool = False


def stages(architecture: Sequence[Layer]) -> list[Stage]:
    """The stages of a network.

    Args:
        architecture: Its layers in order: ``name``, ``type``, ``shape`` (of the output, maybe with the batch as None in
            front), ``parameters``.

    Returns:
        At most ten: neighbours in the middle are joined if there are more.
    """
    shapes = _shapes(architecture)
    groups = _grouped(architecture, shapes)
    if len(groups) > _MOST_STAGES:
        groups = _grouped(architecture, [shape[:-1] for shape in shapes])
    while len(groups) > _MOST_STAGES:
        _join_smallest(groups)
    return [_stage(layers) for layers in groups]


def diagram(found: Sequence[Stage]) -> Markup:
    """An SVG of the stages: the higher a slab, the finer its maps; the wider, the more of them."""
    width = max(_SLOT * len(found), 300)
    description = "; then ".join(f"{stage.title}, {number(stage.channels)} channels" for stage in found)
    slabs = Markup("").join(_slab(stage, index, len(found), found[0].side) for index, stage in enumerate(found))
    return Markup(
        '<svg class="diagram" viewBox="0 0 {} {}" width="{}" role="img" aria-label="The network: {}" '
        'font-family="sans-serif" font-size="11">{}</svg>'
    ).format(width, _HEIGHT, width, description, slabs)


def proportions(stage: Stage, largest: int) -> tuple[float, float]:
    """Height and width of a stage's slab, 0 to 1, on logarithmic scales."""
    high = math.log2(stage.side + 1) / math.log2(max(largest, 2) + 1)
    return max(0.12, min(1.0, high)), max(0.08, min(1.0, math.log2(stage.channels + 1) / 11))


def _shape(layer: dict[str, Any]) -> list[int]:
    return [int(size) for size in layer["shape"] if size is not None]


def _shapes(architecture: Sequence[Layer]) -> list[tuple[int, ...]]:
    """Each layer's shape; within a gate (squeeze and excitation), that of the maps which it weighs."""
    shapes = [tuple(_shape(layer)) for layer in architecture]
    for at in reversed(range(len(shapes) - 1)):
        if shapes[at][:-1] == (1, 1) and max(shapes[at + 1][:-1], default=1) > 1:
            shapes[at] = shapes[at + 1]
    return shapes


def _grouped(architecture: Sequence[Layer], shapes: Sequence[tuple[int, ...]]) -> list[list[Layer]]:
    pairs = itertools.groupby(zip(architecture, shapes, strict=True), key=lambda pair: pair[1])
    return [[layer for layer, _ in group] for _, group in pairs]


def _join_smallest(groups: list[list[Layer]]) -> None:
    """Joins two neighbours, never the first or the last: those that together have the fewest layers."""
    at = min(range(1, len(groups) - 2), key=lambda index: len(groups[index]) + len(groups[index + 1]))
    groups[at] += groups.pop(at + 1)


def _stage(layers: Sequence[Layer]) -> Stage:
    types = Counter(str(layer["type"]) for layer in layers)
    told = [(name, types[name]) for name in _TELLING if types[name]]
    words = [f"{amount} {TIMES} {_WORDS[name]}" if amount > 1 else _WORDS[name] for name, amount in told]
    last = _shape(layers[-1]) or [1]
    return Stage(
        title=across(*last[:-1]) or "vector",
        channels=last[-1],
        side=max(last[:-1], default=1),
        layers=", ".join(words) or ("input" if types["InputLayer"] else "activation"),
        parameters=sum(int(layer.get("parameters") or 0) for layer in layers),
        residual=types["Add"] > 0,
    )


def _slab(stage: Stage, index: int, total: int, largest: int) -> Markup:
    high, wide = proportions(stage, largest)
    height, width = high * (_BASE - 30), wide * (_SLOT - _GAP - 16)
    middle = index * _SLOT + _SLOT / 2
    arrow = _arrow(middle + width / 2 + 4, middle + _SLOT - _SLOT / 2 + 10) if index < total - 1 else Markup("")
    arc = _arc(middle, width, _BASE / 2 + 6 - height / 2) if stage.residual else Markup("")
    rect = Markup(
        '<rect class="slab" fill="#e6f2ee" stroke="#0e7c66" rx="3" '
        'x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
    ).format(middle - width / 2, _BASE / 2 + 6 - height / 2, width, height)
    unit = "channels" if stage.title != "vector" else "numbers"
    lines = [(stage.title, "ink", "#1d2421"), (f"{number(stage.channels)} {unit}", "soft", "#5a6560")]
    lines.append((f"{short(stage.parameters)} weights" if stage.parameters else "no weights", "soft", "#5a6560"))
    text = Markup("").join(
        Markup('<text class="{}" fill="{}" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            name, colour, middle, _BASE + 26 + 17 * row, words
        )
        for row, (words, name, colour) in enumerate(lines)
    )
    return rect + arc + arrow + text


def _arrow(start: float, end: float) -> Markup:
    y = _BASE / 2 + 6
    return Markup('<path class="flow" fill="none" stroke="#5a6560" d="M{:.1f} {}H{:.1f}m-4 -3l4 3l-4 3"/>').format(
        start, y, max(end - 6, start + 6)
    )


def _arc(middle: float, width: float, top: float) -> Markup:
    """The shortcut of a residual stage, over its slab."""
    half = max(width / 2 - 2, 7)
    return Markup(
        '<path class="flow" fill="none" stroke="#5a6560" stroke-dasharray="3 2" '
        'd="M{:.1f} {:.1f}c0 -18 {:.1f} -18 {:.1f} 0"/>'
    ).format(middle - half, top - 2, 2 * half, 2 * half)
