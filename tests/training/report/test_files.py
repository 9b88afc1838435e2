"""The three files of a report, and the command that writes them."""

from __future__ import annotations

import builtins
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageFont
from pptx import Presentation
from pptx.util import Pt

from training.cli import main
from training.report import write_report

from ..conftest import ENVIRONMENT, ROOT
from .conftest import Reported
from .made_run import make_run


def test_a_report_is_a_page_a_pdf_and_slides(reported: Reported) -> None:
    assert [path.name for path in reported.written] == ["report.html", "report.pdf", "report.pptx"]
    html, pdf, slides = reported.written
    assert html.stat().st_size < 1.5e6
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert pdf.stat().st_size < 3e6
    assert zipfile.is_zipfile(slides)


def test_the_command_reads_the_files_alone_and_needs_neither_keras_nor_tensorflow(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('keras', 'tensorflow', 'sklearn', 'matplotlib')))\n"
        "from training.cli import main\n"
        "sys.exit(main(['report', 'run', '--runs', sys.argv[1]]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [Path(line).name for line in done.stdout.splitlines()] == ["report.html", "report.pdf", "report.pptx"]


def test_without_pango_there_is_no_pdf_but_all_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = builtins.__import__

    def without_pango(name: str, *rest: Any, **keys: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return original(name, *rest, **keys)

    monkeypatch.setattr(builtins, "__import__", without_pango)
    assert main(["report", "run", "--runs", str(make_run(tmp_path / "run").folder.parent)]) == 0
    printed = capsys.readouterr()
    assert [Path(line).name for line in printed.out.splitlines()] == ["report.html", "report.pptx"]
    assert printed.err.startswith("No PDF: WeasyPrint needs the library Pango. Install it")
    assert printed.err.count("\n") == 1


def test_slides_have_titles_and_their_pictures_and_charts_are_described(reported: Reported) -> None:
    show = Presentation(str(reported.written[2]))
    titles = [slide.shapes.title.text for slide in show.slides if slide.shapes.title is not None]
    assert len(titles) == len(show.slides) >= 10
    for shape in (shape for slide in show.slides for shape in slide.shapes):
        if shape.has_chart or shape.has_table or shape.shape_type == 13:
            assert shape._element.xpath(".//p:cNvPr")[0].get("descr")


@pytest.mark.parametrize("which", ["reported", "odd"])
def test_nothing_on_a_slide_runs_out_of_it_or_out_of_its_box(which: str, request: pytest.FixtureRequest) -> None:
    show = Presentation(str(request.getfixturevalue(which).written[2]))
    assert show.slide_width is not None
    assert show.slide_height is not None
    for shape in (shape for slide in show.slides for shape in slide.shapes):
        assert shape.left >= 0
        assert shape.top >= 0
        assert shape.left + shape.width <= show.slide_width
        assert shape.top + shape.height <= show.slide_height
        if shape.has_text_frame and shape.text_frame.text:
            lines, size = lines_of(shape)
            assert lines * size * 1.2 <= shape.height / Pt(1) + size * 0.6, shape.text_frame.text


def lines_of(shape: Any) -> tuple[int, float]:
    """How many lines a text takes at least when set in its box, by the widths of real letters; and its size."""
    size = shape.text_frame.paragraphs[0].runs[0].font.size.pt
    # Pillow's own letters are about as wide as Arial's.
    letters = ImageFont.load_default(size)
    lines = 0
    for paragraph in shape.text_frame.paragraphs:
        width, room = 0.0, shape.width / Pt(1)
        lines += 1
        for word in paragraph.text.split(" "):
            step = letters.getlength(f"{word} ")
            if width + step > room and width:
                lines, width = lines + 1, 0.0
            width += step
    return lines, size


def test_an_unfinished_run_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    run.card.unlink()
    assert main(["report", str(run.folder)]) == 1
    assert "is not a finished run" in capsys.readouterr().err


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run.folder / "report.html").write_text("old")
    write_report(run)
    assert "old" not in (run.folder / "report.html").read_text(encoding="utf-8")[:100]
