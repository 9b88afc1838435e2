"""The page: whole, safe, self-contained, honest about what a run lacks, and readable by everybody."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from training.errors import RunError
from training.report.facts import read_facts
from training.report.page import make_page, render
from training.runs import Run

from .conftest import Reported
from .made_run import change, make_run

_VOID = {"meta", "img", "br", "line", "polyline", "circle", "rect", "path"}


class Document(HTMLParser):
    """What a page is made of; unbalanced tags are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(run: Run) -> str:
    return render(make_page(read_facts(run), None))


def test_the_page_has_every_section_and_says_of_none_that_it_is_missing(reported: Reported) -> None:
    ids = {section.get("id") for section in Document(reported.html).of("section")}
    assert ids == {
        "verdict", "results", "failures", "next", "data", "preparation", "network", "training", "calibration",
        "unknown", "speed", "reproduce",
    }  # fmt: skip
    assert "The files of this run have no" not in reported.html


def test_the_page_asks_nothing_of_any_other_place(reported: Reported) -> None:
    document = Document(reported.html)
    sources = [image["src"] or "" for image in document.of("img")]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not any(document.of(tag) for tag in ("script", "link", "iframe", "object"))
    assert all((link["href"] or "").startswith("#") for link in document.of("a"))
    assert "default-src 'none'" in reported.html
    assert "url(" not in reported.html


def test_whoever_does_not_see_the_page_is_told_what_is_there(reported: Reported) -> None:
    document = Document(reported.html)
    names = [tag for tag, _ in document.tags]
    assert names.count("h1") == 1
    assert names.count("caption") == names.count("table")
    assert all(image["alt"] for image in document.of("img"))
    assert all(picture["aria-label"] for picture in document.of("svg"))
    assert all(head.get("scope") for head in document.of("th"))
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in document.of("a")} <= {f"#{name}" for name in ids}


def test_what_a_folder_is_called_is_text_and_never_markup(odd: Reported) -> None:
    document = Document(odd.html)
    assert not document.of("script")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in odd.html
    assert "{{ 7 * 7 }}" in odd.html
    assert "\x01" not in odd.html
    assert any("קטן/חתול" in text for text in document.text)
    assert max(len(text) for text in document.text if text.startswith("a very long label")) <= 60


@pytest.mark.parametrize(("classes", "largest_mb"), [(2, 1.0), (500, 1.5)])
def test_the_page_stays_usable_with_two_classes_and_with_five_hundred(
    classes: int, largest_mb: float, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", [f"class {number}" for number in range(classes)], tested=2 * classes + 20)
    html = page_of(run)
    Document(html)
    assert len(html.encode()) < largest_mb * 1e6
    assert ("The other 480 classes" in html) == (classes == 500)


@pytest.mark.parametrize(
    ("key", "section"),
    [
        ("calibration", "calibration"), ("unknown", "unknown"), ("confused", "failures"), ("architecture", "network"),
        ("latency", "speed"), ("settings", "training"), ("accuracy", "results"), ("counts", "data"),
    ],
)  # fmt: skip
def test_a_run_that_lacks_a_figure_has_a_page_that_says_so(key: str, section: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    change(run, **{key: None})
    html = page_of(run)
    body = html[html.index(f'id="{section}"') :]
    assert f"The files of this run have no “{key}”" in body[: body.index("</section>")]


def test_a_run_of_an_old_release_has_a_page_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for path in (run.history, run.folder / "settings.json"):
        path.unlink()
    shutil.rmtree(run.folder / "data")
    shutil.rmtree(run.folder / "evaluation")
    keys = ("top_k", "weighted", "categories", "calibration", "unknown", "confused", "top_losses", "explanations",
            "latency", "model_bytes", "architecture", "waiting", "hardware")  # fmt: skip
    change(run, **dict.fromkeys(keys))
    html = page_of(run)
    assert "no data/inspection.json" in html
    assert "no history.json" in html
    assert "python -m training train --dataset digits --preset resnet-small --epochs 12 --seed 0" in html


def test_a_run_without_any_figure_was_not_measured(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.report.unlink()
    assert "Not measured" in page_of(run)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.history.write_text("{}")
    with pytest.raises(RunError, match=r"Expected .*history.json to hold a JSON list. Received: a dict"):
        page_of(run)
    run.history.write_text("[")
    with pytest.raises(RunError, match=r"history.json cannot be read"):
        page_of(run)


def test_a_report_shows_no_file_from_outside_its_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    shutil.copyfile(run.folder / "evaluation" / "0.png", tmp_path / "private.png")
    losses = [{**item, "picture": "../private.png"} for item in run.read_report()["top_losses"]]
    change(run, top_losses=losses, confused=[])
    failures = make_page(read_facts(run), None).sections["failures"].view
    assert failures.losses == ()


def test_a_right_answer_is_not_shown_as_a_mistake(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    item = run.read_report()["top_losses"][0]
    change(run, top_losses=[item, {**item, "answer": item["right"]}])
    assert len(make_page(read_facts(run), None).sections["failures"].view.losses) == 1


def test_categories_are_a_level_of_their_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("bird/owl", "bird/duck", "fish/eel"), tested=60)
    one = {"label": "bird", "precision": 1.0, "recall": 0.9, "f1": 0.947, "support": 40}
    other = {"label": "fish", "precision": 0.83, "recall": 1.0, "f1": 0.907, "support": 20}
    categories = {
        "labels": ["bird", "fish"], "accuracy": 56 / 60, "macro": {"precision": 0.9, "recall": 0.95, "f1": 0.92},
        "per_class": [one, other], "confusion_matrix": [[36, 4], [0, 20]],
    }  # fmt: skip
    change(run, categories=categories)
    assert "Categories: 93.3% correct" in page_of(run)
