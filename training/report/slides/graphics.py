"""Native charts and tables: whoever gets the slides can change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION, XL_TICK_LABEL_POSITION
from pptx.enum.dml import MSO_LINE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Inches, Pt

from training.report.slides.deck import (
    ACCENT,
    INK,
    LINE,
    MID,
    PALE,
    SOFT,
    WHITE,
    Box,
    Shape,
    Slide,
    Style,
    describe,
    fitting_size,
    font,
)

_SMALL = Style(11, SOFT)
# Style "No Style, No Grid" of every PowerPoint: the cells' own colours show.
_PLAIN_TABLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"


def line_chart(
    slide: Slide,
    names: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    box: Box,
    alt: str,
    *,
    shares: bool,
) -> None:
    """Curves over categories: the last one in the accent colour, the others dashed. Shares end at 100 %.

    A value that is missing is bridged.
    """
    data = CategoryChartData()
    data.categories = names
    for name, values in series.items():
        data.add_series(name, values)
    chart = _chart(slide, XL_CHART_TYPE.LINE, data, box, alt)
    for index, line in enumerate(chart.plots[0].series):
        _stroke(line, accent=index == len(series) - 1)
        if index < len(series) - 2:
            line.format.line.color.rgb = MID
    chart.category_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    chart._chartSpace.xpath(".//c:dispBlanksAs")[0].set("val", "span")
    if shares:
        lowest = min((value for values in series.values() for value in values if value is not None), default=0.0)
        chart.value_axis.minimum_scale, chart.value_axis.maximum_scale = int(10 * lowest) / 10, 1
        _in_percent(chart.value_axis)


def bar_chart(
    slide: Slide,
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    box: Box,
    alt: str,
    *,
    largest: float | None,
) -> None:
    """Horizontal bars, the first category on top; several series are stacked."""
    data = CategoryChartData()
    data.categories = names
    for name, values in series.items():
        data.add_series(name, values)
    chart = _chart(slide, XL_CHART_TYPE.BAR_STACKED, data, box, alt)
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 45, 100
    for bars, colour in zip(plot.series, (ACCENT, MID, PALE), strict=False):
        bars.format.fill.solid()
        bars.format.fill.fore_color.rgb = colour
    chart.category_axis.reverse_order = True
    chart.value_axis.tick_label_position = XL_TICK_LABEL_POSITION.HIGH
    if largest is not None:
        chart.value_axis.minimum_scale, chart.value_axis.maximum_scale = 0, largest


def table(slide: Slide, rows: Sequence[Sequence[str]], box: Box, widths: Sequence[float], alt: str) -> Any:
    """A table without lines but one under its head; the first column to the left, the others to the right.

    Args:
        slide: Where to.
        rows: The head first.
        box: Its height is an upper limit.
        widths: Of the columns, as shares.
        alt: What it shows.
    """
    shape = slide.shapes.add_table(len(rows), len(rows[0]), *box.sizes)
    describe(shape, alt)
    shape._element.graphic.graphicData.tbl.tblPr.find(
        "{http://schemas.openxmlformats.org/drawingml/2006/main}tableStyleId"
    ).text = _PLAIN_TABLE
    height = min(0.42, box.height / len(rows))
    for index, share in enumerate(widths):
        shape.table.columns[index].width = Inches(box.width * share / sum(widths))
    for number, row in enumerate(rows):
        shape.table.rows[number].height = Inches(height)
        for index, words in enumerate(row):
            place = Box(0, 0, box.width * widths[index] / sum(widths) - 0.1, height)
            _cell(shape.table.cell(number, index), words, place, head=number == 0, first=index == 0)
    return shape.table


def paint(cell: Any, share: float, *, colour: RGBColor = ACCENT) -> None:
    """Fills a cell of a heat table: the larger the share, the nearer to the colour."""
    mixed = [round(255 + (channel - 255) * share) for channel in colour]
    cell.fill.solid()
    cell.fill.fore_color.rgb = RGBColor(*mixed)
    cell.text_frame.paragraphs[0].alignment = PP_ALIGN.CENTER
    for run in cell.text_frame.paragraphs[0].runs:
        run.font.color.rgb = WHITE if share > 0.75 else INK


def _cell(cell: Any, words: str, place: Box, *, head: bool, first: bool) -> None:
    cell.margin_left = cell.margin_right = Inches(0.04)
    cell.margin_top = cell.margin_bottom = 0
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.LEFT if first else PP_ALIGN.RIGHT
    run = paragraph.add_run()
    run.text = words
    style = Style(13, SOFT if head else INK, least=6)
    font(run.font, style, fitting_size([words], place, style))


def _chart(slide: Slide, kind: XL_CHART_TYPE, data: Any, box: Box, alt: str) -> Any:
    shape: Shape = slide.shapes.add_chart(kind, *box.sizes, data)
    describe(shape, alt)
    chart = shape.chart
    font(chart.font, _SMALL, _SMALL.size)
    chart.has_title = False
    chart.has_legend = len(list(chart.plots[0].series)) > 1
    if chart.has_legend:
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    chart.value_axis.major_gridlines.format.line.color.rgb = LINE
    for axis in (chart.value_axis, chart.category_axis):
        axis.format.line.color.rgb = LINE
    chart.value_axis.format.line.fill.background()
    chart.category_axis.has_major_gridlines = False
    return chart


def _in_percent(axis: Any) -> None:
    axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = "0%", False


def _stroke(line: Any, *, accent: bool) -> None:
    line.smooth = False
    line.format.line.color.rgb = ACCENT if accent else SOFT
    line.format.line.width = Pt(2.5 if accent else 1.25)
    if not accent:
        line.format.line.dash_style = MSO_LINE.DASH
