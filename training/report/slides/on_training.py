"""Slides on what went in: pictures, network, training."""

from __future__ import annotations

from typing import Any

from training.report import words
from training.report.fitting import series
from training.report.network import proportions
from training.report.page import Page
from training.report.slides import graphics
from training.report.slides.deck import (
    BOTTOM,
    LEFT,
    RIGHT,
    SOFT,
    TOP,
    Box,
    Deck,
    Style,
    figure,
    gallery,
    picture,
    slab,
    text,
)

_WIDE = RIGHT - LEFT
_LABEL = 22
_MOST_BARS = 16


def data(deck: Deck, _: Page, view: Any) -> None:
    """How many pictures of which class, and samples of them."""
    slide = deck.slide("Data")
    names = {"train": "Training", "validation": "Validation", "test": "Test"}
    for number, (part, amount) in enumerate(view.totals):
        figure(slide, names[part], words.number(amount), Box(LEFT, TOP + 1.15 * number, 3.4, 1.0))
    notes = [*view.duplicate_sentences]
    if view.skipped_total:
        notes.append(f"{words.count(view.skipped_total, 'file')} could not be read.")
    if notes:
        text(slide, notes, Box(LEFT, 5.15, 3.5, 1.6), Style(13, SOFT))
    rows = (
        view.classes
        if len(view.classes) <= _MOST_BARS
        else view.classes[: _MOST_BARS // 2] + view.classes[-_MOST_BARS // 2 :]
    )
    parts = {"training": 0, "validation": 1, "test": 2} if view.inspected else {"test": 2}
    bars = {name: [row.counts[index] for row in rows] for name, index in parts.items()}
    box = Box(4.8, TOP - 0.1, RIGHT - 4.8, BOTTOM - TOP - 0.2)
    left_out = view.left_out + len(view.classes) - len(rows)
    alt = f"Pictures of each class{f'; {left_out} classes in the middle left out' if left_out else ''}"
    graphics.bar_chart(slide, [words.shorten(row.label, _LABEL) for row in rows], bars, box, alt, largest=None)
    if left_out:
        note = f"The most and the least frequent; {words.count(left_out, 'class', 'classes')} in the middle left out"
        text(slide, [note], Box(4.8, 6.5, RIGHT - 4.8, 0.3), Style(11, SOFT))
    _samples(deck, view)


def _samples(deck: Deck, view: Any) -> None:
    if view.samples:
        box = Box(LEFT, TOP, _WIDE, BOTTOM - TOP)
        picture(deck.slide("Samples"), view.samples, box, "A grid of pictures of the data set with their labels")
    elif view.loose_samples:
        gallery(deck.slide("Samples"), [(item, name, f"A test picture of {name}") for name, item in view.loose_samples])


def network(deck: Deck, page: Page, stages: Any) -> None:
    """The stages, as shapes."""
    total = page.facts.report.get("parameters")
    slide = deck.slide(f"Network: {words.short(total)} parameters" if total is not None else "Network")
    slot = _WIDE / len(stages)
    for number, stage in enumerate(stages):
        high, wide = proportions(stage, stages[0].side)
        width, height, middle = wide * min(slot, 1.6) * 0.8, high * 2.4, LEFT + (number + 0.5) * slot
        slab(slide, Box(middle - width / 2, 3.0 - height / 2, width, height))
        left, inner = LEFT + number * slot + 0.04, slot - 0.08
        text(slide, [stage.title], Box(left, 4.4, inner, 0.3), Style(14, bold=True, centred=True))
        unit = "channels" if stage.title != "vector" else "numbers"
        told = [f"{words.number(stage.channels)} {unit}", f"{words.short(stage.parameters)} weights"]
        text(slide, told, Box(left, 4.72, inner, 0.55), Style(12, SOFT, centred=True, least=7))
        text(slide, [stage.layers], Box(left, 5.35, inner, 1.3), Style(11, SOFT, centred=True, least=6))


def curves(deck: Deck, page: Page, view: Any) -> None:
    """Loss and accuracy over the epochs."""
    history = page.facts.history
    found = [(key, title) for key, title in (("loss", "Loss"), ("accuracy", "Accuracy")) if series(history, key)]
    if not found:
        return
    slide = deck.slide("Training")
    told = " · ".join(f"{name}: {value}" for name, value in view.facts)
    text(slide, [told], Box(LEFT, 1.4, _WIDE, 0.35), Style(13, SOFT))
    for number, (key, title) in enumerate(found):
        left = LEFT + number * (_WIDE / 2 + 0.1)
        text(slide, [title], Box(left, 1.95, 5.6, 0.35), Style(16, bold=True))
        lines = {"training": key, "validation": f"validation_{key}"}
        curves = {name: [y for _, y in series(history, row)] for name, row in lines.items()}
        epochs = [f"{x:g}" for x, _ in series(history, key)]
        graphics.line_chart(
            slide,
            epochs,
            curves,
            Box(left, 2.35, _WIDE / 2 - 0.1, 4.4),
            f"{title} over the epochs",
            shares=key == "accuracy",
        )
