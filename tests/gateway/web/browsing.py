"""Pages in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

# The page must look right nowhere narrower than this phone.
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}


@contextmanager
def page_at(
    browser: Browser,
    url: str,
    *,
    javascript: bool = True,
    size: dict[str, int] | None = None,
    may_fail: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """A page; fails in the end on anything that it said on the console: errors, refused inline styles, lost files."""
    context = browser.new_context(java_script_enabled=javascript, viewport=size or DESKTOP, **options)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert may_fail or not said


def answered(page: Page) -> None:
    """Waits until every card has its answer."""
    page.wait_for_selector(".card")
    page.wait_for_selector(".card[aria-busy=true]", state="detached")


def labels(page: Page) -> list[str]:
    """The label of each card, in order."""
    return [heading.split()[0] for heading in page.locator(".card h3").all_inner_texts()]
