"""Each picture on its own way: order, failures, retries, downloads, camera, keyboard."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.conftest import BROWSER_FLAGS, find_chromium
from tests.gateway.conftest import Live, png
from tests.gateway.fake_serving import FakeModel, card
from tests.gateway.web.browsing import answered, labels, page_at


def send(page: Page, files: list[str]) -> None:
    page.set_input_files("#images", files)
    page.click("#submit")


@pytest.fixture
def many(tmp_path: Path) -> list[str]:
    """Forty pictures; the model calls the n-th n modulo 10."""
    paths = [tmp_path / f"{index:02}.png" for index in range(40)]
    for index, path in enumerate(paths):
        path.write_bytes(png(index % 10 * 26))
    return [str(path) for path in paths]


def test_each_of_many_pictures_is_sent_alone_and_keeps_its_place(browser: Browser, live: Live, many: list[str]) -> None:
    with page_at(browser, live.gateway.url) as page:
        posts: list[str] = []
        page.on("request", lambda request: posts.append(request.method) if request.method == "POST" else None)
        send(page, many)
        answered(page)
        assert len(posts) == 40
        assert labels(page) == [str(index % 10) for index in range(40)]
        assert page.locator("#announcement").inner_text() == "Results: 40 pictures classified"


def test_one_that_failed_is_tried_again_alone(browser: Browser, live: Live, pictures: list[str]) -> None:
    with page_at(browser, live.gateway.url, may_fail=True) as page:

        def refuse(route: Route) -> None:
            body = route.request.post_data_buffer or b""
            if b"middle.png" in body:
                route.abort()
            else:
                route.fallback()

        page.route("**/", refuse)
        send(page, pictures)
        answered(page)
        assert labels(page) == ["0", "Not", "9"]
        page.unroute("**/")
        retry = page.get_by_role("button", name="Try middle.png again")
        retry.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".card:nth-child(2):not(.waiting)")
        assert labels(page) == ["0", "5", "9"]
        assert (
            page.evaluate("() => document.activeElement.closest('.card')?.querySelector('.filename').innerText")
            == "middle.png"
        )


def test_a_busy_gateway_is_asked_again_by_itself(browser: Browser, live: Live, pictures: list[str]) -> None:
    with page_at(browser, live.gateway.url, may_fail=True) as page:
        refused: list[str] = []

        def busy(route: Route) -> None:
            if len(refused) < 2:
                refused.append(route.request.url)
                headers = {"Retry-After": "1", "X-Request-Id": "x", "Content-Type": "text/html"}
                route.fulfill(status=429, headers=headers, body='<p class="reason">Busy</p>')
            else:
                route.fallback()

        page.route("**/", busy)
        send(page, pictures)
        answered(page)
        assert labels(page) == ["0", "5", "9"]


def test_a_file_that_is_too_large_is_not_even_sent(browser: Browser, live: Live, tmp_path: Path) -> None:
    large = tmp_path / "large.bmp"
    with large.open("wb") as file:
        file.truncate((20 << 20) + 1)
    with page_at(browser, live.gateway.url) as page:
        send(page, [str(large)])
        answered(page)
        assert page.locator(".card .reason").inner_text() == "Expected at most 16,777,216 bytes. Received: 20,971,521"
        assert page.locator(".retry:visible").count() == 0


def test_why_lays_the_heatmap_over_the_picture_and_takes_it_away(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    with page_at(browser, live.gateway.url) as page:
        send(page, pictures)
        answered(page)
        why = page.get_by_role("button", name="Why? Shows where the model looked in middle.png")
        why.click()
        page.wait_for_selector(".card:nth-child(2) .heat")
        assert page.locator(".heat").count() == 1
        assert why.get_attribute("aria-pressed") == "true"
        signature, version = live.serving.requests[-1][1], live.serving.requests[-1][0]
        assert (signature, version) == ("explain", 2)
        why.click()
        page.wait_for_selector(".heat", state="detached")
        asked = len(live.serving.requests)
        why.click()
        page.wait_for_selector(".heat")
        assert len(live.serving.requests) == asked


def test_results_come_as_csv_as_json_and_as_a_command(
    browser: Browser, live: Live, pictures: list[str], tmp_path: Path
) -> None:
    bad = tmp_path / "=bad,.txt"
    bad.write_text("no picture")
    with page_at(browser, live.gateway.url, may_fail=True) as page:
        send(page, [pictures[2], str(bad)])
        answered(page)
        with page.expect_download() as table:
            page.click("#csv")
        with page.expect_download() as objects:
            page.click("#json")
        first, second = csv.DictReader(Path(table.value.path()).read_text().splitlines())
        assert (first["filename"], first["model"], first["version"], first["label"]) == (
            "light.png",
            "digits",
            "2",
            "9",
        )
        assert float(first["probability:9"]) == pytest.approx(0.9)
        assert (second["filename"], second["label"], second["error"]) == ("'=bad,.txt", "", "unsupported_image")
        told = json.loads(Path(objects.value.path()).read_text())["predictions"]
        assert told[0]["model"] == {"name": "digits", "version": 2, "label": None}
        assert told[1]["error"]["code"] == "unsupported_image"
        page.click(".command summary")
        command = shlex.split(page.locator("#command").inner_text())
        assert command == [
            "curl", "-F", "model=digits", "-F", "images=@light.png", "-F", 'images=@"=bad,.txt"',
            f"{live.gateway.url}/api/v1/classify",
        ]  # fmt: skip


def test_another_model_can_be_chosen_without_losing_the_pictures(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    live.serving.models["digits"].cards = {11: card(), 10: card(labels=("off", "on"))}
    with page_at(browser, live.gateway.url) as page:
        page.set_input_files("#images", pictures)
        page.select_option("#servable", "model=digits&version=10")
        page.wait_for_selector("#about:has-text('its 2 classes')")
        page.click("#submit")
        answered(page)
        assert labels(page) == ["off", "on", "on"]
        assert "digits version 10" in page.locator(".answered").inner_text()


def test_everything_works_by_keyboard(browser: Browser, live: Live, pictures: list[str]) -> None:
    with page_at(browser, live.gateway.url) as page:
        page.set_input_files("#images", pictures)
        page.get_by_role("button", name="Remove dark.png").focus()
        page.keyboard.press("Enter")
        focused = "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"
        assert page.evaluate(focused) == "Remove middle.png"
        page.locator("#submit").focus()
        page.keyboard.press("Enter")
        answered(page)
        assert page.evaluate(focused) == "results-title"
        page.locator(".card summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator(".card").first.locator(".bar-fill:visible").count() == 10


@pytest.fixture(scope="module")
def with_camera(browser: Browser) -> Iterator[Browser]:
    """Chromium with a camera that films a test card."""
    flags = [*BROWSER_FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    launched = browser.browser_type.launch(executable_path=find_chromium(), args=flags)
    yield launched
    launched.close()


def test_a_picture_can_be_taken_with_the_camera(with_camera: Browser, live: Live) -> None:
    with page_at(with_camera, live.gateway.url) as page:
        page.click("#camera-open")
        page.click("#camera-take:not([disabled])")
        page.wait_for_selector(".preview img")
        assert page.locator(".preview-name").inner_text() == "camera-1.jpg"
        page.click("#submit")
        answered(page)
        assert re.fullmatch(r"\d", labels(page)[0])


def test_a_model_of_a_thousand_classes_has_cards_of_a_hundred_bars_and_downloads_of_all(
    browser: Browser, live: Live, pictures: list[str]
) -> None:
    live.serving.models = {"digits": FakeModel({9: card(labels=tuple(f"class {index}" for index in range(1000)))})}
    with page_at(browser, live.gateway.url) as page:
        send(page, pictures[:1])
        answered(page)
        assert page.locator(".bar-fill").count() == 100
        with page.expect_download() as table:
            page.click("#csv")
        header = Path(table.value.path()).read_text().splitlines()[0]
        assert header.count("probability:") == 1000
