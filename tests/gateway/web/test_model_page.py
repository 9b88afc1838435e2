"""A model's page, from cards of any quality."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from gateway.web.model_page import model_page
from tests.gateway.client import Client
from tests.gateway.fake_serving import DIGITS, FakeServing, card

MATRIX = [[90 if row == column else 10 if column == row + 1 else 0 for column in range(10)] for row in range(10)]
RICH = replace(
    card(),
    metrics={
        "accuracy": 0.91,
        "macro_f1": 0.905,
        "per_class_f1": dict.fromkeys(DIGITS, 0.9),
        "confusion_matrix": MATRIX,
    },
    thresholds={"known": 0.625},
    dataset="digits",
    created="2026-11-21T14:18:08+00:00",
    framework="keras",
    git_commit="0123456789abcdef",
)


def test_the_page_shows_what_the_card_tells(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards[2] = RICH
    page = client.get("/models/digits").text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for part in ("Accuracy 91.00%", "Macro F1 0.905", "below 62.5%", "21 November 2026, 14:18 UTC", "0123456789ab"):
        assert part in text
    assert page.count('<th scope="row">') == 20
    assert page.count('class="shade-9 right"') == 10
    assert "0 taken for 1 : 10 of 100" in text


def test_the_page_names_all_versions_and_opens_each(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].states[3] = "LOADING"
    page = client.get("/models/digits?version=1").text
    assert '<strong aria-current="page">Version 1</strong>' in page
    assert re.search(r'<a href="/models/digits\?version=2">Version 2</a>', page)
    assert 'Version 3 <span class="state">loading</span>' in page


@pytest.mark.parametrize("path", ["/models/nobody", "/models/digits?version=7", "/models/digits?label=nobodys"])
def test_what_is_not_served_has_no_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Expected a" in answer.text


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"accuracy": None, "macro_f1": "high", "per_class_f1": [1, 2], "confusion_matrix": "none"},
        {"accuracy": float("nan"), "per_class_f1": {"0": True}, "confusion_matrix": [[1, 2], [3]]},
        {"confusion_matrix": [[1.5] * 10] * 10},
        {"confusion_matrix": [[-1] * 10] * 10},
    ],
)
def test_what_a_card_lacks_or_has_wrong_is_left_out(metrics: dict[str, Any]) -> None:
    shown = model_page(replace(card(), metrics=metrics, created="yesterday"))
    assert (shown.figures, shown.matrix, shown.confused) == ([], [], [])
    assert [(row.label, row.f1) for row in shown.classes] == [(label, None) for label in DIGITS]
    assert ("Trained", "yesterday") in shown.facts


def test_a_single_mistake_among_thousands_is_seen() -> None:
    counts = [[0] * 10 for _ in range(10)]
    counts[0] = [9999, 1, *([0] * 8)]
    (first, *others) = model_page(replace(card(), metrics={"confusion_matrix": counts})).matrix
    assert [cell.shade for cell in first[:3]] == [9, 1, 0]
    assert not any(cell.shade for row in others for cell in row)


def test_a_thousand_classes_have_a_row_each(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards[2] = card(labels=tuple(f"class {index}" for index in range(1000)))
    assert client.get("/models/digits").text.count('<th scope="row">') == 1000
