"""The operators' page in a real browser: it keeps itself up to date, and leaves alone what is being read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from contract.release import FILE_NAME, HistoryEntry, ModelRelease, Release
from gateway.observe.metrics import Metrics
from tests.gateway.client import Client, client_of
from tests.gateway.fake_serving import FakeModel, FakeServing
from tests.gateway.web import operations_scene as scene
from tests.gateway.web.browsing import PHONE, page_at
from tests.gateway.web.test_accessibility import LOOKS, complaints, fits

LATER = HistoryEntry(scene.at(30), "promote", 3, "was 2")


class Operated:
    """A gateway whose release a test changes."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.url = f"{client.url}/operations"
        self._file = folder / FILE_NAME

    def release(self, **models: ModelRelease) -> None:
        """Puts another release in force, as operators do."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(Release(models).to_json())
        draft.replace(self._file)


@pytest.fixture
def operated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operated]:
    counted = scene.exposition()
    monkeypatch.setattr(Metrics, "exposition", lambda _: counted)
    versions = {version: scene.trained(version) for version in (1, 2, 3)}
    with FakeServing(digits=FakeModel(versions, states={4: "LOADING"})) as server:
        environ = {"VITRINE_SERVING": server.address, "MODEL_REPOSITORY": str(tmp_path)}
        with client_of(environ) as client:
            found = Operated(client, tmp_path)
            found.release(digits=scene.release())
            yield found


def test_what_changes_comes_without_a_reload_and_what_is_open_stays_open(browser: Browser, operated: Operated) -> None:
    with page_at(browser, operated.url) as page:
        page.get_by_text("Report: promoted").click()
        page.evaluate("() => { window.kept = document.querySelector('.entries details'); }")
        before = scene.release()
        operated.release(digits=scene.release(rollout=scene.ROLLOUT, history=(*before.history, LATER)))
        expect(page.locator(".entries > li").first).to_contain_text("promote")
        expect(page.locator(".stepper [aria-current=step]")).to_contain_text("25%")
        expect(page.locator(".entries > li")).to_have_count(5)
        assert page.evaluate("() => kept.isConnected && kept.open")
        expect(page.get_by_text("every step held")).to_be_visible()
        expect(page.locator("#reload")).to_be_hidden()


def test_it_can_be_paused_and_goes_on(browser: Browser, operated: Operated) -> None:
    with page_at(browser, operated.url) as page:
        page.click("#pause")
        expect(page.locator("#live")).to_have_text("Paused")
        operated.release(digits=scene.release(history=(LATER,)))
        expect(page.locator(".entries > li")).to_have_count(4)
        page.click("#pause")
        expect(page.locator(".entries > li")).to_have_count(1)
        expect(page.locator("#live")).to_have_text("Live")


def test_a_hidden_page_asks_nothing_and_a_shown_one_at_once(browser: Browser, operated: Operated) -> None:
    with page_at(browser, operated.url) as page:
        page.clock.install()
        page.reload()
        page.evaluate(
            "() => { Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true }); }"
        )
        _show(page, away=True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.resource_type))
        operated.release(digits=scene.release(history=(LATER,)))
        # The page's clock leaps a minute ahead and stands still there, so nothing waits its turn when it is shown.
        page.clock.pause_at(page.evaluate("() => Date.now() + 60_000"))
        # Only what the page's script asks counts: the browser gets the icon when it likes.
        assert asked.count("fetch") == 0
        _show(page, away=False)
        expect(page.locator(".entries > li")).to_have_count(1)
        assert asked.count("fetch") == 1


def _show(page: Page, *, away: bool) -> None:
    page.evaluate("away => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); }", away)


def test_a_gateway_that_is_away_is_told_and_its_return_too(browser: Browser, operated: Operated) -> None:
    with page_at(browser, operated.url, may_fail=True) as page:
        page.route("**/operations*", lambda route: route.abort())
        expect(page.locator("#live")).to_contain_text("does not answer")
        expect(page.locator(".entries > li")).to_have_count(4)
        page.unroute("**/operations*")
        expect(page.locator("#live")).to_have_text("Live")


def test_without_javascript_it_is_a_plain_page_with_a_link_to_load_it_anew(
    browser: Browser, operated: Operated
) -> None:
    with page_at(browser, operated.url, javascript=False) as page:
        expect(page.locator("#pause")).to_be_hidden()
        operated.release(digits=scene.release(history=(LATER,)))
        page.click("#reload")
        expect(page.locator(".entries > li")).to_have_count(1)


@LOOKS
def test_axe_finds_no_violation_whatever_is_under_way(
    browser: Browser, operated: Operated, look: dict[str, Any]
) -> None:
    operated.release(
        digits=scene.release(rollout=scene.ROLLOUT, canary_percent=25.0, shadow=1, versions=(1, 2, 3, 4)),
        **{"a-model-with-a-name-that-is-quite-long-and-not-loaded": scene.release()},
    )
    with page_at(browser, operated.url, bypass_csp=True, **look) as page:
        for summary in page.locator("summary").all():
            summary.click()
        assert complaints(page) == []
        assert fits(page)


def test_ten_models_fit_on_a_phone(browser: Browser, operated: Operated) -> None:
    operated.release(**{f"model-{number}-with-some-name": scene.release() for number in range(10)})
    with page_at(browser, operated.url, size=PHONE) as page:
        expect(page.locator(".model-state")).to_have_count(10)
        assert fits(page)
