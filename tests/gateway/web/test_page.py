"""The page as a browser without JavaScript gets it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec, SubjectSpec
from contract.images import decode
from gateway.web.results import Bar
from tests.contract.pictures import encoded
from tests.drawn import product
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.posting import post


def page_of(client: Client, path: str = "/") -> str:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    return answer.text


def test_the_page_names_the_model_and_version_that_would_answer(client: Client) -> None:
    page = page_of(client)
    assert re.search(r"<strong>digits</strong>, version 2", page)
    assert "10 classes" in page


def test_the_page_says_plainly_that_the_model_server_is_away(client: Client, serving: FakeServing) -> None:
    serving.stop()
    assert "The model server is not answering." in page_of(client)


def test_there_is_nothing_to_choose_where_one_version_serves(client: Client, serving: FakeServing) -> None:
    del serving.models["digits"].cards[1]
    assert "<select" not in page_of(client)


def test_the_page_lets_choose_between_models_and_their_versions(make_client: MakeClient, serving: FakeServing) -> None:
    serving.models["shades"] = FakeModel({1: card("shades")})
    page = page_of(make_client(VITRINE_MODELS="digits,shades"), "/?model=digits&version=1")
    assert re.findall(r'<option value="([^"]+)"( selected)?>([^<]+)', page) == [
        ("model=digits", "", "digits, as released"),
        ("model=digits&amp;version=2", "", "digits, version 2"),
        ("model=digits&amp;version=1", " selected", "digits, version 1"),
        ("model=shades", "", "shades, as released"),
    ]
    assert "<strong>digits</strong>, version 1" in page


def test_what_is_chosen_in_the_forms_one_list_answers(client: Client) -> None:
    page = post(client, png(0), path="/", servable="model=digits&version=1").text
    assert "answered by <strong>digits</strong> version <strong>1</strong>" in page
    assert 'value="model=digits&amp;version=1" selected' in page


@pytest.mark.parametrize(
    "servable", ["model=digits&version=x", "colour=red", "version=1&label=stable", "a=1&b=2&c=3&d=4"]
)
def test_a_choice_that_makes_no_sense_is_refused(client: Client, servable: str) -> None:
    assert post(client, png(0), path="/", servable=servable).status_code == 400


def test_results_are_cards_in_order_with_five_bars_and_the_rest_behind_details(client: Client) -> None:
    page = post(client, ("dark.png", png(0)), ("light.png", png(255)), path="/").text
    assert re.findall(r"<h3[^>]*>(\d)", page) == ["0", "9"]
    assert page.index("dark.png") < page.index("light.png")
    first, rest = page.split('<li class="card')[1].split("<details>")
    assert (first.count('class="bar-fill"'), rest.count('class="bar-fill"')) == (5, 5)
    assert 'width="90.00%"' in first
    assert "answered by <strong>digits</strong> version <strong>2</strong>" in page


def test_a_bad_file_has_its_reason_on_its_own_card(client: Client) -> None:
    page = post(client, png(0), ("<b>.txt", b"text"), path="/").text
    card_of_bad = page.split('<li class="card')[2]
    assert "Received: text" in card_of_bad
    assert "&lt;b&gt;.txt" in card_of_bad
    assert "<b>" not in page


def test_explained_results_have_a_heatmap_over_the_picture(client: Client) -> None:
    page = post(client, png(0), path="/", explain="true").text
    assert 'class="heat" src="data:image/png' in page
    assert 'name="explain" value="true" checked' in page
    assert "-F explain=true" in page


@pytest.mark.parametrize(("size", "kind"), [(8, "png"), (80, "jpeg")])
def test_small_pictures_are_shown_pixel_by_pixel(client: Client, size: int, kind: str) -> None:
    page = post(client, png(0, size), path="/").text
    assert f'src="data:image/{kind};base64,' in page
    assert ('class="picture tiny"' in page) == (kind == "png")


def test_the_pages_script_gets_the_results_alone(client: Client) -> None:
    fragment = post(client, png(0), path="/", headers={"X-Requested-With": "fetch"}).text
    assert "<html" not in fragment
    assert "<form" not in fragment
    assert fragment.count('<li class="card') == 1


def test_a_fragment_holds_what_the_api_tells_of_the_picture(client: Client) -> None:
    fragment = post(client, ("a'\"<.png", png(0)), path="/", headers={"X-Requested-With": "fetch"}).text
    told = json.loads(html.unescape(re.findall(r'data-result="([^"]*)"', fragment)[0]))
    api = post(client, ("a'\"<.png", png(0))).json()["predictions"][0]
    assert told == api
    assert "data-result" not in post(client, png(0), path="/").text


def test_a_fragment_has_no_picture_that_the_page_has_already(client: Client) -> None:
    headers = {"X-Requested-With": "fetch"}
    assert "<img" not in post(client, png(0), path="/", pictures="own", headers=headers).text
    explained = post(client, png(0), path="/", pictures="own", explain="true", headers=headers).text
    assert explained.count("<img") == 2


def test_a_fragment_tells_why_there_is_no_card(client: Client) -> None:
    answer = post(client, png(0), path="/", model="nobody", headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 404
    assert re.fullmatch(r'\s*<p class="reason">Expected a known model.*</p>\s*', answer.text)


def test_below_the_cards_threshold_the_card_says_none_of_these(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards[3] = replace(card(), thresholds={"known": 0.95})
    page = post(client, png(0), path="/").text
    assert "None of these" in page
    assert "closest: 0, 90.0%" in page


def test_hierarchical_labels_show_the_sums_of_their_categories(client: Client, serving: FakeServing) -> None:
    labels = ("shoe/boot", "shoe/sandal", "bag/tote", "bag/clutch", "hat")
    serving.models["digits"].cards[3] = card(labels=labels)
    page = post(client, png(0), path="/").text
    assert re.findall(r"<li><span>(\w+)</span> <b>([^<]+)</b>", page) == [
        ("shoe", "92.5%"),
        ("bag", "5.0%"),
        ("hat", "2.5%"),
    ]


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv"), ("json", "application/json")])
def test_without_javascript_the_form_itself_gets_a_table_or_json(client: Client, form: str, kind: str) -> None:
    answer = post(client, png(0), path="/", format=form)
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="vitrine.{form}"'


def test_the_page_has_the_command_that_asks_the_same(client: Client) -> None:
    page = post(client, ("it's;a.png", png(0)), path="/", servable="model=digits&version=1").text
    command = html.unescape(re.findall(r'<code id="command">([^<]*)', page)[0])
    fields = ["-F", "model=digits", "-F", "version=1", "-F", 'images=@"it\'s;a.png"']
    assert shlex.split(command) == ["curl", *fields, f"{client.url}/api/v1/classify"]


def test_an_error_of_a_form_post_is_told_on_the_page(client: Client) -> None:
    answer = post(client, ("", b""), path="/")
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (400, "text/html")
    assert "Expected at least one picture" in answer.text


def test_many_classes_are_cut_on_the_page_and_the_page_says_so(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards[3] = card(labels=tuple(f"class {index}" for index in range(150)))
    page = post(client, png(0), path="/").text
    assert page.count('class="bar-fill"') == 100
    assert "and 50 less probable" in page


@pytest.mark.parametrize("path", ["/", "/docs", "/nothing", "/api/v1/models", "/static/main.js"])
def test_every_answer_carries_a_policy_without_inline_scripts_and_styles(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


@pytest.mark.parametrize("path", ["/", "/docs", "/models/digits"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: Client, path: str) -> None:
    page = page_of(client, path)
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(0, "0.0%"), (0.01, "< 0.1%"), (0.06, "0.1%"), (99.94, "99.9%"), (99.96, "> 99.9%"), (100, "100.0%")],
)
def test_what_is_not_quite_nothing_or_everything_is_not_shown_as_such(percent: float, shown: str) -> None:
    assert Bar("a", percent).shown == shown


def test_an_explained_picture_is_shown_as_the_model_got_its_subject(client: Client, serving: FakeServing) -> None:
    spec = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", tolerance=0.08))
    serving.models["digits"].cards[3] = card(image=spec)
    photo = encoded(product("Ankle boot"), "JPEG")
    page = post(client, photo, path="/", explain="true").text
    (thumbnail,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(thumbnail))))
    assert np.array_equal(shown, decode(photo, spec)[..., 0])


@pytest.mark.parametrize("host", ["", "x" * 5000, "../", "::1,::1"])
@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_a_host_that_makes_no_sense_is_not_ours_to_suffer_from(client: Client, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code < 500
    if answer.status_code == 400:
        assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize("disposition", ["form-data", 'form-data; filename="a.png"'])
def test_parts_without_a_name_are_refused(client: Client, disposition: str) -> None:
    body = f"--cut\r\nContent-Disposition: {disposition}\r\n\r\n1\r\n--cut--\r\n".encode()
    answer = client.post("/", data=body, headers={"Content-Type": "multipart/form-data; boundary=cut"})
    assert answer.status_code == 400
