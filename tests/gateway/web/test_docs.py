"""The documentation's page: it names all that is described, and its form asks the API."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, FilePayload

from tests.gateway.api.test_openapi import DESCRIPTION, described_codes
from tests.gateway.client import Client
from tests.gateway.conftest import png

PICTURE: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": png(255)}


def test_the_page_names_every_route_shape_option_and_error_code(client: Client) -> None:
    assert client.get("/openapi.json").json() == DESCRIPTION
    page = client.get("/docs").text
    codes = {code for several in described_codes().values() for code in several}
    for name in (*DESCRIPTION["paths"], *DESCRIPTION["components"]["schemas"], *codes):
        assert name in page, name


def test_the_form_shows_the_answer_under_itself_within_the_pages_policy(client: Client, browser: Browser) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(client.url + "/docs")
    page.set_input_files(".try [name=images]", PICTURE)
    page.fill(".try [name=top_k]", "1")
    page.click(".try button")
    page.locator("#status", has_text="200 OK").wait_for()
    assert json.loads(page.inner_text("#body"))["predictions"][0]["label"] == "9"
    page.select_option(".try [name=format]", "csv")
    page.click(".try button")
    page.locator("#status", has_text="text/csv").wait_for()
    assert page.inner_text("#body").splitlines()[1].startswith("a.png,9,")
    page.close()
    assert complaints == []


def test_the_form_works_without_javascript(client: Client, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(client.url + "/docs")
        page.set_input_files(".try [name=images]", PICTURE)
        page.click(".try button")
        page.wait_for_url("**/api/v1/classify")
        assert json.loads(page.inner_text("body"))["predictions"][0]["label"] == "9"
