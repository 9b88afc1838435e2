"""Slides of one look: what stands where, in which type, and text that is set as large as its box allows."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, MSO_AUTO_SIZE, PP_ALIGN
from pptx.util import Inches, Pt

from training.report.pictures import Picture

# python-pptx's own classes for these are private.
Slide = Any
Shape = Any

WIDTH, HEIGHT = 13.333, 7.5
LEFT, RIGHT, TOP, BOTTOM = 0.8, 12.53, 1.65, 6.75
FONT = "Arial"
INK, SOFT, ACCENT = RGBColor(0x1D, 0x24, 0x21), RGBColor(0x5A, 0x65, 0x60), RGBColor(0x0E, 0x7C, 0x66)
MID, PALE, WASH, LINE = (
    RGBColor(0x7F, 0xB8, 0xAA), RGBColor(0xC3, 0xDD, 0xD5), RGBColor(0xE6, 0xF2, 0xEE), RGBColor(0xDF, 0xE0, 0xD9)
)  # fmt: skip
WHITE, BAD = RGBColor(0xFF, 0xFF, 0xFF), RGBColor(0xA3, 0x34, 0x1C)
_TITLE_ONLY = 5
# Of Arial's capitals and digits, in parts of the type size; most text is narrower, and so fits.
_CHARACTER = 0.56
_LEADING = 1.22
_POINTS_PER_INCH = 72


@dataclass(frozen=True)
class Box:
    """A place on a slide, in inches."""

    left: float
    top: float
    width: float
    height: float

    @property
    def sizes(self) -> tuple[Inches, Inches, Inches, Inches]:
        """As python-pptx takes them."""
        return Inches(self.left), Inches(self.top), Inches(self.width), Inches(self.height)


@dataclass(frozen=True)
class Style:
    """How text looks: at most `size` points, less where it would not fit, not below `least`; `gap` after paragraphs."""

    size: float = 18
    colour: RGBColor = INK
    bold: bool = False
    centred: bool = False
    least: float = 9
    middle: bool = False
    gap: float = 0


def fitting_size(paragraphs: Sequence[str], box: Box, style: Style) -> float:
    """The largest type in which the paragraphs stand inside the box, in points."""
    size = style.size
    while size > style.least and _height(paragraphs, box.width, size, style.gap) > box.height:
        size -= 0.5
    return size


def _height(paragraphs: Sequence[str], width: float, size: float, gap: float) -> float:
    per_line = max(1, int(width * _POINTS_PER_INCH / (size * _CHARACTER)))
    lines = sum(max(1, math.ceil(len(text) / per_line)) for text in paragraphs)
    return (lines * size * _LEADING + (len(paragraphs) - 1) * gap) / _POINTS_PER_INCH


class Deck:
    """A presentation in the making."""

    def __init__(self, footer: str, made: datetime | None) -> None:
        """Begins an empty one.

        Args:
            footer: Stands small on every slide but the first.
            made: The date that the file says it is of.
        """
        self._show = Presentation()
        self._show.slide_width, self._show.slide_height = Inches(WIDTH), Inches(HEIGHT)
        self._footer = footer
        properties = self._show.core_properties
        properties.title, properties.author = footer, ""
        if made:
            properties.created = properties.modified = made

    def slide(self, title: str, *, bare: bool = False) -> Slide:
        """A new slide with a title, which screen readers and the outline find too; a bare one has no footer."""
        slide = self._show.slides.add_slide(self._show.slide_layouts[_TITLE_ONLY])
        box = Box(LEFT, 2.3, RIGHT - LEFT, 1.5) if bare else Box(LEFT, 0.55, RIGHT - LEFT, 0.85)
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = box.sizes
        _fill(heading.text_frame, [title], box, Style(54 if bare else 30, bold=True, middle=True))
        if not bare:
            foot = Style(10, SOFT)
            text(slide, [self._footer], Box(LEFT, 6.98, 9.0, 0.26), foot)
            number = text(slide, [str(len(self._show.slides))], Box(RIGHT - 1, 6.98, 1, 0.26), foot)
            number.text_frame.paragraphs[0].alignment = PP_ALIGN.RIGHT
        return slide

    def save(self) -> bytes:
        """The file."""
        buffer = io.BytesIO()
        self._show.save(buffer)
        return buffer.getvalue()


def text(slide: Slide, paragraphs: Sequence[str], box: Box, style: Style) -> Shape:
    """Paragraphs in a box."""
    shape = slide.shapes.add_textbox(*box.sizes)
    _fill(shape.text_frame, paragraphs, box, style)
    return shape


def figure(slide: Slide, name: str, value: str, box: Box) -> None:
    """A large number under its name."""
    text(slide, [name], Box(box.left, box.top, box.width, 0.35), Style(13, SOFT))
    text(slide, [value], Box(box.left, box.top + 0.33, box.width, 0.65), Style(30, bold=True))


def picture(slide: Slide, item: Picture, box: Box, alt: str) -> Shape:
    """A picture, as large as the box allows, centred in it, its pixels kept if it has few of them."""
    scale = min(box.width / item.width, box.height / item.height)
    width, height = item.width * scale, item.height * scale
    left, top = box.left + (box.width - width) / 2, box.top + (box.height - height) / 2
    data = io.BytesIO(item.enlarged())
    shape = slide.shapes.add_picture(data, *Box(left, top, width, height).sizes)
    describe(shape, alt)
    return shape


def slab(slide: Slide, box: Box) -> Shape:
    """A plain rectangle."""
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *box.sizes)
    shape.fill.solid()
    shape.fill.fore_color.rgb = WASH
    shape.line.color.rgb, shape.line.width = ACCENT, Pt(1)
    shape.shadow.inherit = False
    return shape


def describe(shape: Shape, alt: str) -> None:
    """What the shape shows, for those who do not see it; python-pptx has no call for it."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", alt)


def _fill(frame: Any, paragraphs: Sequence[str], box: Box, style: Style) -> None:
    frame.word_wrap, frame.auto_size = True, MSO_AUTO_SIZE.NONE
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = MSO_ANCHOR.MIDDLE if style.middle else MSO_ANCHOR.TOP
    size = fitting_size(paragraphs, box, style)
    for number, words in enumerate(paragraphs):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.alignment = PP_ALIGN.CENTER if style.centred else PP_ALIGN.LEFT
        paragraph.space_after = Pt(style.gap)
        run = paragraph.add_run()
        run.text = words
        font(run.font, style, size)


def font(target: Any, style: Style, size: float) -> None:
    """Sets the type of a run, a cell or a chart."""
    target.name, target.size, target.bold = FONT, Pt(size), style.bold
    target.color.rgb = style.colour


def gallery(slide: Slide, items: list[tuple[Any, str, str]]) -> None:
    """Up to twelve pictures in one row or two, each with its caption."""
    columns = 6 if len(items) > 8 else 4
    slot, tall = (RIGHT - LEFT) / columns, (BOTTOM - TOP) / 2
    if len(items) <= columns:
        tall = min(2 * tall, slot + 0.5)
    for number, (item, caption, alt) in enumerate(items[: 2 * columns]):
        left, top = LEFT + number % columns * slot, TOP + number // columns * tall
        picture(slide, item, Box(left, top, slot - 0.25, tall - 0.75), alt)
        text(slide, [caption], Box(left, top + tall - 0.68, slot - 0.25, 0.5), Style(12, SOFT, centred=True))
