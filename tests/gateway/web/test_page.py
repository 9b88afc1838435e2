"""The page as a browser without JavaScript gets it."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from contract.card import ImageSpec, SubjectSpec
from contract.images import decode
from gateway.web.pages import Bar
from tests.contract.pictures import encoded
from tests.drawn import product
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.posting import post


def page_of(client: FlaskClient, path: str = "/") -> str:
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.get_data(as_text=True)


def test_the_page_names_the_model_and_version_that_would_answer(client: FlaskClient) -> None:
    page = page_of(client)
    assert re.search(r"<strong>digits</strong>, version 2", page)
    assert "10 classes" in page


def test_the_page_says_plainly_that_the_model_server_is_away(client: FlaskClient, serving: FakeServing) -> None:
    serving.stop()
    assert "The model server is not answering." in page_of(client)


def test_the_page_lets_choose_between_several_models(make_client: MakeClient, serving: FakeServing) -> None:
    assert "<select" not in page_of(make_client())
    serving.models["shades"] = FakeModel({1: card("shades")})
    page = page_of(make_client(VITRINE_MODELS="digits,shades"))
    assert re.findall(r"<option( selected)?>(\w+)", page) == [(" selected", "digits"), ("", "shades")]


def test_results_are_cards_in_order_with_five_bars_and_the_rest_behind_details(client: FlaskClient) -> None:
    page = post(client, ("dark.png", png(0)), ("light.png", png(255)), path="/").get_data(as_text=True)
    assert re.findall(r"<h3>(\d)", page) == ["0", "9"]
    assert page.index("dark.png") < page.index("light.png")
    first, rest = page.split('<li class="card')[1].split("<details>")
    assert (first.count('class="bar-fill"'), rest.count('class="bar-fill"')) == (5, 5)
    assert 'width="90.00%"' in first
    assert "answered by <strong>digits</strong> version <strong>2</strong>" in page


def test_a_bad_file_has_its_reason_on_its_own_card(client: FlaskClient) -> None:
    page = post(client, png(0), ("<b>.txt", b"text"), path="/").get_data(as_text=True)
    card_of_bad = page.split('<li class="card')[2]
    assert "Received: text" in card_of_bad
    assert "&lt;b&gt;.txt" in card_of_bad
    assert "<b>" not in page


def test_explained_results_have_a_heatmap_over_the_picture(client: FlaskClient) -> None:
    assert 'class="heat" src="data:image/png' in post(client, png(0), path="/", explain="true").get_data(as_text=True)


@pytest.mark.parametrize(("size", "kind"), [(8, "png"), (80, "jpeg")])
def test_small_pictures_are_shown_pixel_by_pixel(client: FlaskClient, size: int, kind: str) -> None:
    page = post(client, png(0, size), path="/").get_data(as_text=True)
    assert f'src="data:image/{kind};base64,' in page
    assert ('class="picture tiny"' in page) == (kind == "png")


def test_the_pages_script_gets_the_results_alone(client: FlaskClient) -> None:
    fragment = post(client, png(0), path="/", headers={"X-Requested-With": "fetch"}).get_data(as_text=True)
    assert "<html" not in fragment
    assert "<form" not in fragment
    assert fragment.count('<li class="card') == 1


def test_an_error_of_a_form_post_is_told_on_the_page(client: FlaskClient) -> None:
    answer = post(client, ("", b""), path="/")
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert "Expected at least one picture" in answer.get_data(as_text=True)


def test_many_classes_are_cut_on_the_page_and_the_page_says_so(client: FlaskClient, serving: FakeServing) -> None:
    serving.models["digits"].cards[3] = card(labels=tuple(f"class {index}" for index in range(150)))
    page = post(client, png(0), path="/").get_data(as_text=True)
    assert page.count('class="bar-fill"') == 100
    assert "and 50 less probable" in page


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing", "/api/v1/models", "/static/vitrine.css"])
def test_every_answer_carries_a_policy_without_inline_scripts_and_styles(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    page = page_of(client, path)
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(0, "0.0%"), (0.01, "< 0.1%"), (0.06, "0.1%"), (99.94, "99.9%"), (99.96, "> 99.9%"), (100, "100.0%")],
)
def test_what_is_not_quite_nothing_or_everything_is_not_shown_as_such(percent: float, shown: str) -> None:
    assert Bar("a", percent).shown == shown


def test_an_explained_picture_is_shown_as_the_model_got_its_subject(client: FlaskClient, serving: FakeServing) -> None:
    spec = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", tolerance=0.08))
    serving.models["digits"].cards[3] = card(image=spec)
    photo = encoded(product("Ankle boot"), "JPEG")
    page = post(client, photo, path="/", explain="true").get_data(as_text=True)
    (thumbnail,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(thumbnail))))
    assert np.array_equal(shown, decode(photo, spec)[..., 0])
