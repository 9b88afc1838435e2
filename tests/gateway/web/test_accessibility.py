"""axe finds nothing to complain about, on any page, in light and dark, on a desk and on a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from tests.gateway.conftest import Live
from tests.gateway.fake_serving import FakeModel, card
from tests.gateway.web.browsing import DESKTOP, PHONE, answered, page_at
from tests.gateway.web.test_model_page import RICH

LOOKS = pytest.mark.parametrize(
    "look",
    [{"color_scheme": "light", "size": DESKTOP}, {"color_scheme": "dark", "size": PHONE}],
    ids=["light-desktop", "dark-phone"],
)


def complaints(page: Page) -> list[str]:
    """Each violation with the first element that it is about."""
    # axe comes in as a script of the page's own, which its policy would refuse: these contexts bypass it.
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))


@LOOKS
@pytest.mark.parametrize("path", ["/", "/docs", "/models/digits", "/models/nobody"])
def test_axe_finds_no_violation(browser: Browser, live: Live, path: str, look: dict[str, Any]) -> None:
    live.serving.models["digits"].cards[2] = RICH
    may_fail = path.endswith("nobody")
    with page_at(browser, live.gateway.url + path, bypass_csp=True, may_fail=may_fail, **look) as page:
        assert complaints(page) == []
        assert fits(page)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file that is no picture."""
    path = tmp_path / "a file with quite a long name that is no picture.txt"
    path.write_text("no picture")
    return str(path)


@LOOKS
@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_axe_finds_no_violation_in_results(
    browser: Browser, live: Live, pictures: list[str], bad: str, *, script: bool, look: dict[str, Any]
) -> None:
    labels = tuple(f"{'even' if index % 2 == 0 else 'odd'}/a rather long name {index}" for index in range(10))
    described = replace(card(labels=labels), thresholds={"known": 0.95})
    live.serving.models = {"digits": FakeModel({20: described, 21: described})}
    with page_at(browser, live.gateway.url, bypass_csp=True, may_fail=True, **look) as page:
        if not script:
            # axe needs JavaScript, so the page's own is all that is taken away.
            page.route("**/main.js", lambda route: route.abort())
            page.reload()
        page.set_input_files("#images", [*pictures, bad])
        assert complaints(page) == []
        page.click("#submit")
        answered(page)
        page.locator(".card summary").first.click()
        page.locator(".command summary").click()
        assert complaints(page) == []
        assert fits(page)
