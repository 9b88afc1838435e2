"""The answer's format: the caller's own word, then Accept, then JSON."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.negotiate import FOR_PEOPLE, FOR_PROGRAMS, negotiate
from gateway.errors import NotAcceptable

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "json"),
        ("", "json"),
        (" , ", "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json", "json"),
        ("Application/JSON; charset=utf-8", "json"),
        ("text/csv", "csv"),
        ("text/*", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("text/csv, application/json", "json"),
        ("text/csv;q=0.9, application/json;q=0.3", "csv"),
        ("application/json;q=0, */*", "ndjson"),
        ("application/json;q=0.1, */*;q=0.5", "ndjson"),
        (BROWSER, "json"),
    ],
)
def test_programs_get_what_they_accept(accept: str | None, expected: str) -> None:
    assert negotiate(accept) == expected


def test_browsers_get_a_page_where_there_is_one() -> None:
    assert negotiate(BROWSER, offered=FOR_PEOPLE) == "html"
    assert negotiate("*/*", offered=FOR_PEOPLE) == "html"
    assert negotiate("application/json", offered=FOR_PEOPLE) == "json"


def test_the_option_wins_over_the_header() -> None:
    assert negotiate("application/json", "csv") == "csv"
    assert negotiate("image/png", "json") == "json"


@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/json;q=0", "nonsense"])
def test_what_is_not_on_offer_is_refused_with_the_list(accept: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        negotiate(accept)
    for name in ("application/json", "application/x-ndjson", "text/csv", accept):
        assert name in str(caught.value)


def test_a_format_that_a_route_does_not_have_is_refused_with_the_list() -> None:
    with pytest.raises(NotAcceptable, match=r"Expected format to be json .*, ndjson .*, csv .* here. Received: html"):
        negotiate(None, "html")


@given(st.text(max_size=200))
def test_any_header_gives_a_format_on_offer_or_a_refusal(accept: str) -> None:
    with suppress(NotAcceptable):
        assert negotiate(accept) in FOR_PROGRAMS
