"""The report, and the files for model servers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from serving.model_server.batching.parameters import read_batching_parameters
from serving.tuning import files
from serving.tuning.candidate import BASELINE
from serving.tuning.chart import Scale, chart
from serving.tuning.choice import Limit
from serving.tuning.journal import Journal
from serving.tuning.outcome import outcome
from serving.tuning.page import page
from tests.serving.tuning.conftest import SUBJECT
from tests.serving.tuning.rounds import BATCHING, ONE_THREAD, final, searched

SVG = "{http://www.w3.org/2000/svg}"


def drawn(journal: Journal) -> ET.Element:
    return ET.fromstring(
        chart(outcome(journal, Limit())).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    )


def test_the_chart_has_a_numbered_dot_for_every_candidate_and_one_for_the_baseline(journal: Journal) -> None:
    numbers = [one.text for one in drawn(journal).iter(f"{SVG}text") if one.get("class") == "number"]
    assert sorted(map(str, numbers)) == ["1", "2", "B"]


def test_more_throughput_is_higher_and_more_latency_further_right(journal: Journal) -> None:
    dots = {
        one.get("class"): (float(one.get("cx", 0)), float(one.get("cy", 0)))
        for one in drawn(journal).iter(f"{SVG}circle")
    }
    assert dots["dot batching"][1] < dots["dot threads"][1]
    assert dots["ring"] == dots["dot batching"]
    scale = Scale(1, 100, 0, 200, log=True)
    assert [scale.at(value) for value in (0.1, 1, 10, 100, 1000)] == [0, 0, 100, 200, 200]


@pytest.mark.parametrize(("low", "high"), [(9, 40), (0.9, 1.2), (0.02, 4000), (7, 7.01)])
@pytest.mark.parametrize("log", [True, False])
def test_an_axis_has_a_few_ticks_within_its_bounds(low: float, high: float, log: bool) -> None:
    ticks = Scale(low, high, 0, 100, log=log).ticks()
    assert 3 <= len(ticks) <= 20
    assert low <= min(ticks) <= max(ticks) <= high


def _listen(tab: Page) -> tuple[list[str], list[str]]:
    """What a tab will ask for, and what its console will say."""
    asked: list[str] = []
    complaints: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    return asked, complaints


def test_nothing_that_was_measured_breaks_the_chart() -> None:
    assert chart(outcome(Journal(SUBJECT), Limit())) == ""
    drawn(Journal(SUBJECT, rounds=searched(threads=1.0, batching=1.0)))
    drawn(Journal(SUBJECT, rounds=searched(threads=0.01, batching=90)))


def test_the_parameters_are_read_by_the_model_server_comments_and_all(journal: Journal, tmp_path: Path) -> None:
    text = files.batching_config(outcome(journal, Limit()), journal)
    assert text
    (tmp_path / "batching.config").write_text(text)

    assert read_batching_parameters(tmp_path / "batching.config").max_batch_size == 32
    assert "# Recommended" in text
    assert "tensorflow_model_server" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_flags_are_those_of_the_choice(journal: Journal) -> None:
    lines = [line for line in files.flags(outcome(journal, Limit()), journal).splitlines() if line[0] != "#"]
    assert lines == [
        "--tensorflow_intra_op_parallelism=1",
        "--tensorflow_inter_op_parallelism=2",
        "--enable_batching=true",
        "--batching_parameters_file=/etc/vitrine/batching.config",
    ]


def test_where_batching_gains_nothing_the_files_say_so() -> None:
    journal = Journal(SUBJECT, rounds=[*searched(threads=1, batching=1), *final(threads=1, batching=1)], finished=True)
    found = outcome(journal, Limit())
    assert found.candidate == BASELINE
    text = files.batching_config(found, journal)
    assert text
    assert "LEAVE BATCHING OFF" in text
    assert [line for line in files.flags(found, journal).splitlines() if line[0] != "#"] == ["--enable_batching=false"]
    assert "leave batching off" in found.headline()


def test_threads_alone_may_be_the_choice() -> None:
    rounds = [*searched(threads=1.5, batching=1), *final(threads=1.5, batching=1)]
    found = outcome(Journal(SUBJECT, rounds=rounds, finished=True), Limit())
    assert found.candidate == ONE_THREAD
    assert found.headline().endswith("Leave batching off.")


def test_what_was_not_measured_a_second_time_is_not_recommended() -> None:
    journal = Journal(SUBJECT, rounds=searched(threads=1.1, batching=2))
    found = outcome(journal, Limit())
    assert found.choice is None
    assert found.candidate == BATCHING
    assert "nothing is recommended" in found.headline()
    assert "NOT FINISHED" in str(files.batching_config(found, journal))


def test_the_page_needs_nothing_else_and_follows_the_readers_colours(
    journal: Journal, browser: Browser, tmp_path: Path
) -> None:
    found = outcome(journal, Limit())
    path = tmp_path / "report.html"
    path.write_text(page(found, journal, files.batching_config(found, journal), files.flags(found, journal)))
    grounds = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = browser.new_context(color_scheme=scheme, viewport={"width": 400, "height": 800})
        tab = context.new_page()
        asked, complaints = _listen(tab)
        tab.goto(path.as_uri())
        assert (asked, complaints) == ([path.as_uri()], [])
        assert tab.locator("svg.chart").get_attribute("aria-label")
        assert tab.locator("tr.chosen td").nth(1).inner_text() == str(BATCHING)
        assert "a <fast> one" in tab.locator("dl").inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        grounds.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert grounds[0] != grounds[1]
