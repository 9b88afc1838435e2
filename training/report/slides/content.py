"""What stands on the slides: the page's sections, shortened to what an audience can take in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from training.report import words
from training.report.page import Page, headline
from training.report.slides.deck import (
    ACCENT,
    BAD,
    LEFT,
    RIGHT,
    SOFT,
    TOP,
    Box,
    Deck,
    Style,
    figure,
    text,
)
from training.report.slides.on_results import beside, failures, results, trust
from training.report.slides.on_training import curves, data, network

_WIDE = RIGHT - LEFT
_STEPS = 4
_ANSWERS = {"yes": ACCENT, "care": BAD, "no": BAD}
_Maker = Callable[[Deck, Page, Any], None]
_MAKERS: dict[str, _Maker] = {
    "data": data,
    "network": network,
    "fitting": curves,
    "results": results,
    "failures": failures,
    "calibration": trust,
}


def write_slides(page: Page, path: Path) -> Path:
    """Writes a presentation of the sections that the run has figures for."""
    path.write_bytes(make_slides(page))
    return path


def make_slides(page: Page) -> bytes:
    """The presentation, as a file."""
    facts = page.facts
    deck = Deck(f"{words.shorten(facts.name, 40)} · training report", _date(facts.card.created))
    _opening(deck, page)
    _verdict(deck, page)
    for name, make in _MAKERS.items():
        view = page.sections[name].view
        if view:
            make(deck, page, view)
    if page.beside:
        beside(deck, page)
    _next(deck, page)
    return deck.save()


def _date(created: str) -> datetime | None:
    try:
        return datetime.fromisoformat(created).replace(tzinfo=None)
    except ValueError:
        return None


def _opening(deck: Deck, page: Page) -> None:
    facts = page.facts
    slide = deck.slide(words.shorten(facts.name, 40), bare=True)
    text(slide, ["Training report"], Box(LEFT, 1.85, _WIDE, 0.4), Style(18, ACCENT, bold=True))
    dataset = words.shorten(str(facts.report.get("dataset", facts.card.dataset)), 40)
    line = f"{dataset} · {words.count(len(facts.labels), 'class', 'classes')} · {facts.card.created[:10]}"
    text(slide, [line], Box(LEFT, 3.95, _WIDE, 0.5), Style(20, SOFT))


def _verdict(deck: Deck, page: Page) -> None:
    slide = deck.slide(page.verdict.headline if page.verdict else "Not measured")
    if page.verdict:
        told, judged = page.verdict.sentences[:2], page.verdict.sentences[2]
        text(slide, told, Box(LEFT, TOP, 10.6, 2.1), Style(20, gap=12))
        text(slide, [judged], Box(LEFT, TOP + 2.25, 10.6, 1.0), Style(20, _ANSWERS[page.verdict.answer], bold=True))
    for number, (name, value, remark) in enumerate(headline(page)):
        box = Box(LEFT + 2.95 * number, 5.3, 2.8, 1.0)
        figure(slide, name, value, box)
        text(slide, [remark], Box(box.left, 6.28, 2.8, 0.3), Style(12, SOFT))


def _next(deck: Deck, page: Page) -> None:
    view = page.sections["advice"].view
    if view is None:
        return
    slide = deck.slide("What to try next")
    steps = view.steps[:_STEPS]
    if not steps:
        text(slide, ["The figures ask for nothing in particular."], Box(LEFT, TOP, _WIDE, 0.5), Style(18))
    tall = 1.22
    for number, step in enumerate(steps):
        top = TOP + tall * number
        text(slide, [str(number + 1)], Box(LEFT, top, 0.5, 0.5), Style(24, ACCENT, bold=True))
        text(slide, [step.title], Box(LEFT + 0.6, top, _WIDE - 0.6, 0.38), Style(18, bold=True))
        text(slide, [step.why], Box(LEFT + 0.6, top + 0.4, _WIDE - 0.6, 0.72), Style(14, SOFT))
    if page.sections["reproduction"].view:
        slide.notes_slide.notes_text_frame.text = f"To train the same again: {page.sections['reproduction'].view[0]}"
