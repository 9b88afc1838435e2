"""Writes a run's report: a page, the same as PDF, and slides."""

from __future__ import annotations

import sys
from pathlib import Path

from contract.versions import write_atomically
from training.report.facts import read_facts
from training.report.live import LiveVersion
from training.report.page import make_page, render
from training.report.pdf import PdfUnavailable, write_pdf
from training.runs import Run


def write_report(run: Run, *, live: LiveVersion | None = None) -> list[Path]:
    """Writes ``report.html``, ``report.pdf`` and ``report.pptx`` into the run's folder.

    Only the run's files are read: no picture is classified, no model loaded. Where the system lacks what the PDF needs,
    a sentence on standard error says so, and the other two are written.

    Args:
        run: A finished run.
        live: The version to show it beside.

    Returns:
        The files that were written.

    Raises:
        RunError: The run is not finished, or one of its files is damaged.
    """
    page = make_page(read_facts(run), live)
    html = render(page)
    written = [run.folder / "report.html"]
    write_atomically(written[0], html)
    try:
        written.append(write_pdf(html, run.folder / "report.pdf"))
    except PdfUnavailable as error:
        print(f"No PDF: {error}", file=sys.stderr)
    from training.report.slides import write_slides

    written.append(write_slides(page, run.folder / "report.pptx"))
    return written
