"""The page in a real browser before the real system, with JavaScript and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import EXTERNAL
from tests.e2e.stack import Stack


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_three_pictures_become_three_cards(
    common_stack: Stack, digits: list[Path], browser: Browser, javascript: bool, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(common_stack.url)
    page.set_input_files("input[type=file]", [str(path) for path in digits[2:5]])
    page.get_by_role("button", name="Classify").click()
    cards = page.locator(".cards > .card")
    expect(cards).to_have_count(3)
    for digit, card in zip("234", cards.all(), strict=True):
        expect(card).to_contain_text(f"{digit}.png")
        expect(card).to_contain_text("%")
        expect(card.locator(".bar").first).to_be_visible()
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
    assert complaints == []


def test_a_sample_is_classified_by_a_click_and_shows_where_the_model_looked(
    common_stack: Stack, browser: Browser
) -> None:
    if EXTERNAL:
        pytest.skip("the repository of the server that VITRINE_SERVING names is not at hand")
    page = browser.new_page()
    page.goto(common_stack.url)
    page.get_by_role("button", name="Sample:").first.click()
    card = page.locator(".card")
    expect(card).to_have_count(1)
    card.get_by_role("button", name="Why?").click()
    expect(card.locator("img.heat")).to_be_visible()
    page.close()


def test_all_samples_are_classified_without_javascript(common_stack: Stack, browser: Browser) -> None:
    if EXTERNAL:
        pytest.skip("the repository of the server that VITRINE_SERVING names is not at hand")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(common_stack.url)
    page.get_by_role("button", name="All 10").click()
    expect(page.locator(".cards > .card h3")).to_have_count(10)
    context.close()
