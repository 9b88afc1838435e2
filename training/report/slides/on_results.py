"""Slides on the outcome: classes, confusions, mistakes, trust, the live version."""

from __future__ import annotations

from typing import Any

from training.report import words
from training.report.failures import Mistake
from training.report.page import Page
from training.report.quality import LEAST_IN_BIN
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
    text,
)

_WIDE = RIGHT - LEFT
_LABEL = 22
_MOST_BARS = 16
_MOST_IN_TABLE = 14


def results(deck: Deck, page: Page, view: Any) -> None:
    """F1 of the classes, headline figures, what is taken for what."""
    level = view.level
    rows = sorted(level.classes, key=lambda row: (row.support == 0, row.f1))[:_MOST_BARS]
    fewer = len(rows) < len(level.classes)
    slide = deck.slide(f"The {len(rows)} weakest of {len(level.classes)} classes" if fewer else "Class by class")
    names = [words.shorten(row.label, _LABEL) for row in rows]
    alt = f"F1 of each class; the lowest is {rows[0].f1:.3f} for {rows[0].label}"
    box = Box(LEFT, TOP - 0.1, 8.2, BOTTOM - TOP + 0.1)
    graphics.bar_chart(slide, names, {"F1": [round(row.f1, 4) for row in rows]}, box, alt, largest=1.0)
    for number, (name, value) in enumerate((*view.top[:3], ("Mean F1 of the classes", f"{level.means[0][3]:.3f}"))):
        figure(slide, name, value, Box(9.5, TOP + 1.2 * number, 3.0, 1.0))
    _confusion(deck, page, level)


def _confusion(deck: Deck, page: Page, level: Any) -> None:
    labels = [words.shorten(row.label, _LABEL) for row in level.matrix or ()]
    if not 0 < len(labels) <= _MOST_IN_TABLE:
        _pairs(deck, page)
        return
    slide = deck.slide("What is taken for what")
    text(slide, ["Rows: the right class. Columns: the answer."], Box(LEFT, 1.4, _WIDE, 0.3), Style(13, SOFT))
    rows = [["", *(words.shorten(label, 10) for label in labels)]]
    rows += [
        [label, *(str(c.count) if c.count else "" for c in row.cells)]
        for label, row in zip(labels, level.matrix, strict=True)
    ]
    box = Box(LEFT, 1.85, min(_WIDE, 2.4 + 0.95 * len(labels)), BOTTOM - 1.85)
    made = graphics.table(slide, rows, box, [2.4, *[0.95] * len(labels)], "Confusion matrix of the test pictures")
    for i, row in enumerate(level.matrix):
        total = max(sum(cell.count for cell in row.cells), 1)
        for j, cell in enumerate(row.cells):
            graphics.paint(made.cell(i + 1, j + 1), cell.count / total if cell.count else 0.0)


def _pairs(deck: Deck, page: Page) -> None:
    pairs = page.facts.report.get("confused", [])[:12]
    if not pairs:
        return
    slide = deck.slide("What is confused most")
    rows = [["Right class", "Taken for", "Times", "Share of its pictures"]]
    for item in pairs:
        names = (words.shorten(item["right"], 40), words.shorten(item["answer"], 40))
        rows.append([*names, words.number(item["count"]), words.percent(item["share"])])
    graphics.table(
        slide, rows, Box(LEFT, TOP, _WIDE, BOTTOM - TOP), [4, 4, 1.2, 2.2], "The most confused pairs of classes"
    )


def failures(deck: Deck, _: Page, view: Any) -> None:
    """The worst mistakes, and what the network looked at."""
    if view.losses:
        told = [
            (item.picture, _caption(item), f"A picture of {item.right} taken for {item.answer}") for item in view.losses
        ]
        gallery(deck.slide("Where it fails: sure, and wrong"), told)
    if view.explanations:
        told = [
            (
                item.overlay,
                f"{words.isolated(item.answer, 20)} {item.probability}",
                f"Where the evidence for {item.answer} was",
            )
            for item in view.explanations
        ]
        gallery(deck.slide("What it looked at (Grad-CAM)"), told)


def _caption(item: Mistake) -> str:
    return f"{words.isolated(item.answer, 16)} ({item.probability}); is {words.isolated(item.right, 16)}"


def trust(deck: Deck, page: Page, view: Any) -> None:
    """Calibration, and the threshold of what is none of the classes."""
    slide = deck.slide("How far its probabilities can be trusted")
    found = page.facts.report["calibration"]
    bins = {
        name: {b["low"]: b for b in found[name]["bins"] if b["count"] >= LEAST_IN_BIN} for name in ("before", "after")
    }
    lows = sorted(bins["before"] | bins["after"])
    honest = {low: (bins["after"] | bins["before"])[low]["confidence"] for low in lows}
    curves = {
        "as sure as right": [honest[low] for low in lows],
        **{name: [filled[low]["accuracy"] if low in filled else None for low in lows] for name, filled in bins.items()},
    }
    title = "Share that was right, over the probability given" if lows else "Too few test pictures for a diagram"
    text(slide, [title], Box(LEFT, 1.5, 6.2, 0.35), Style(14, bold=True))
    if lows:
        box, alt = Box(LEFT, 1.9, 6.2, 4.85), "Reliability diagram before and after calibration"
        graphics.line_chart(slide, [words.percent(honest[low], 0) for low in lows], curves, box, alt, shares=True)
    figure(slide, "Calibration error before", words.percent(view.before_ece), Box(7.7, TOP, 2.4, 1.0))
    figure(slide, "and after", words.percent(view.after_ece), Box(10.2, TOP, 2.3, 1.0))
    text(slide, [view.sentence], Box(7.7, 2.75, 4.8, 1.1), Style(15, SOFT))
    unknown = page.sections["unknown"].view
    if unknown:
        figure(slide, "“None of these” below", words.percent(unknown.threshold), Box(7.7, 4.15, 2.4, 1.0))
        figure(
            slide,
            f"AUROC against {words.shorten(unknown.against, 16)}",
            f"{unknown.auroc:.3f}",
            Box(10.2, 4.15, 2.3, 1.0),
        )
        kept, refused = words.percent(unknown.kept), words.percent(unknown.refused)
        told = f"It answers {kept} of the known pictures and refuses {refused} of strange ones."
        text(slide, [told], Box(7.7, 5.3, 4.8, 1.1), Style(15, SOFT))


def beside(deck: Deck, page: Page) -> None:
    """The run beside the live version."""
    found = page.beside
    if found is None:
        return
    slide = deck.slide(f"Beside version {found.version}, which is live")
    text(slide, [f"{found.sentence} {found.caveat}".strip()], Box(LEFT, 1.4, _WIDE, 0.6), Style(16, SOFT))
    rows = [["", "This run", f"Version {found.version}", "Difference"]]
    rows += [[row.name, row.new, row.live, row.difference] for row in found.rows]
    rows += [[words.shorten(f"F1 of {row.name}", 40), row.new, row.live, row.difference] for row in found.classes[:4]]
    graphics.table(slide, rows, Box(LEFT, 2.2, _WIDE, BOTTOM - 2.2), [4, 2, 2, 2.4], "This run beside the live version")
