"""The page in a real browser before the real system, with JavaScript and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

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
