"""The page in headless Chromium, with JavaScript and without, against the real process."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from tests.gateway.conftest import Live, Start, png
from tests.gateway.web.browsing import DESKTOP, PHONE, answered, labels, page_at
from tests.processes import wait_until


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_three_pictures_become_three_cards_with_bars_and_probabilities(
    browser: Browser, live: Live, pictures: list[str], javascript: bool, size: dict[str, int]
) -> None:
    with page_at(browser, live.gateway.url, javascript=javascript, size=size) as page:
        page.set_input_files("#images", pictures)
        page.click("#submit")
        answered(page)
        assert labels(page) == ["0", "5", "9"]
        assert page.locator(".card .filename").all_inner_texts() == ["dark.png", "middle.png", "light.png"]
        assert page.locator(".card .probability").all_inner_texts() == ["90.0%"] * 3
        first = page.locator(".card").first
        bar, track = first.locator(".bar-fill").first.bounding_box(), first.locator(".bar").first.bounding_box()
        assert bar
        assert track
        assert bar["width"] / track["width"] == pytest.approx(0.9, abs=0.01)
        assert first.locator(".bar-fill:visible").count() == 5
        first.locator("summary").click()
        assert first.locator(".bar-fill:visible").count() == 10
        assert "digits version 2" in page.locator(".answered").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_chosen_pictures_are_previewed_and_one_can_be_removed(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    with page_at(browser, live.gateway.url) as page:
        page.set_input_files("#images", pictures[:2])
        page.set_input_files("#images", pictures[2:])
        assert page.locator(".preview-name").all_inner_texts() == ["dark.png", "middle.png", "light.png"]
        page.wait_for_selector(".preview:nth-child(3) img")
        page.get_by_role("button", name="Remove middle.png").click()
        assert page.locator("#submit").inner_text() == "Classify 2 pictures"
        page.click("#submit")
        answered(page)
        assert labels(page) == ["0", "9"]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_pictures_can_be_dropped_and_pasted(browser: Browser, live: Live, pictures: list[str], way: str) -> None:
    data = list(Path(pictures[2]).read_bytes())
    with page_at(browser, live.gateway.url) as page:
        page.evaluate(
            """([way, data]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(data)], "mine.png", { type: "image/png" }));
              const event = way === "drop"
                ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true });
              document.querySelector(".dropzone").dispatchEvent(event);
            }""",
            [way, data],
        )
        page.click("#submit")
        answered(page)
        assert labels(page) == ["9"]


def test_the_page_is_not_loaded_again_and_shows_what_it_is_busy_with(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    live.serving.models["digits"].latency_s = 0.5
    with page_at(browser, live.gateway.url) as page:
        page.evaluate("window.sameDocument = true")
        page.set_input_files("#images", pictures)
        page.click("#submit")
        page.wait_for_selector("#progress:visible")
        assert page.locator(".card.waiting .filename").all_inner_texts() == ["dark.png", "middle.png", "light.png"]
        assert page.locator("#submit").is_disabled()
        answered(page)
        assert page.locator("#progress").is_hidden()
        assert page.evaluate("window.sameDocument")


def test_a_new_choice_after_an_answer_begins_anew(browser: Browser, live: Live, pictures: list[str]) -> None:
    with page_at(browser, live.gateway.url) as page:
        page.set_input_files("#images", pictures[:1])
        page.click("#submit")
        answered(page)
        page.set_input_files("#images", pictures[1:])
        assert page.locator(".preview").count() == 2
        page.click("#clear")
        page.wait_for_selector(".card", state="detached")
        page.wait_for_selector(".preview", state="detached")


def test_bad_files_have_their_reason_on_their_own_card(
    browser: Browser, live: Live, pictures: list[str], tmp_path: Path
) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    with page_at(browser, live.gateway.url, may_fail=True) as page:
        page.set_input_files("#images", [pictures[0], str(bad), pictures[2]])
        page.click("#submit")
        answered(page)
        assert labels(page) == ["0", "Not", "9"]
        assert "Received: text" in page.locator(".card.refused .reason").inner_text()


@pytest.mark.parametrize(("javascript", "where"), [(True, ".card .reason"), (False, ".notice")])
def test_the_page_tells_that_the_model_server_is_away(
    browser: Browser, live: Live, pictures: list[str], javascript: bool, where: str
) -> None:
    with page_at(browser, live.gateway.url, javascript=javascript, may_fail=True) as page:
        live.serving.stop()
        page.set_input_files("#images", pictures)
        page.click("#submit")
        page.wait_for_selector(f"{where}:text('The model server is not answering')")


def test_the_page_tells_that_the_gateway_itself_is_away(browser: Browser, start: Start, pictures: list[str]) -> None:
    gateway = start(VITRINE_WORKERS="1")
    with page_at(browser, gateway.url, may_fail=True) as page:
        page.set_input_files("#images", pictures)
        gateway.process.terminate()
        gateway.process.wait(timeout=20)
        page.click("#submit")
        answered(page)
        assert (
            page.locator(".card .reason").all_inner_texts()
            == ["Vitrine cannot be reached. Please try again in a moment."] * 3
        )
        assert page.locator(".preview").count() == 3


def test_the_api_page_opens_without_a_complaint(browser: Browser, live: Live) -> None:
    with page_at(browser, live.gateway.url + "/docs") as page:
        assert "/api/v1/classify" in page.locator("main").inner_text()


def test_an_answer_takes_the_place_of_the_news_that_the_model_server_was_away(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    live.serving.stop()
    wait_until(lambda: all('id="trouble"' in requests.get(live.gateway.url, timeout=5).text for _ in range(4)))
    with page_at(browser, live.gateway.url) as page:
        page.wait_for_selector("#trouble")
        live.serving.start()
        wait_until(lambda: all(live.gateway.classify(png(0)).ok for _ in range(4)))
        page.set_input_files("#images", pictures)
        page.click("#submit")
        answered(page)
        assert page.locator(".notice").count() == 0
