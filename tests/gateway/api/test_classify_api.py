"""POST /api/v1/classify, through the application and a real gRPC connection."""

from __future__ import annotations

import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

from contract.card import ImageSpec, SubjectSpec
from tests.contract.pictures import encoded
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.fake_serving import FakeModel, FakeServing, card
from tests.gateway.posting import post
from tests.processes import wait_until


def test_each_picture_gets_every_class_and_the_sum_is_one(client: Client) -> None:
    answer = post(client, ("dark.png", png(3)), ("light.png", png(250)))
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == {"name": "digits", "version": 2, "label": None}
    assert [(item["filename"], item["label"]) for item in body["predictions"]] == [
        ("dark.png", "0"),
        ("light.png", "9"),
    ]
    for item in body["predictions"]:
        assert list(item["probabilities"]) == list("0123456789")
        assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert item["probability"] == item["probabilities"][item["label"]]
    assert set(body["timing_ms"]) == {"decode", "queue", "predict"}
    assert answer.headers["X-Vitrine-Version"] == "2"


def test_one_bad_file_fails_alone_and_order_is_kept(client: Client) -> None:
    answer = post(client, ("a.png", png(0)), ("notes.txt", b"not a picture"), ("empty.png", b""), ("b.png", png(255)))
    assert answer.status_code == 200
    items = answer.json()["predictions"]
    assert [item["filename"] for item in items] == ["a.png", "notes.txt", "empty.png", "b.png"]
    assert [item.get("label") for item in items] == ["0", None, None, "9"]
    assert [item["error"]["code"] for item in items[1:3]] == ["unsupported_image", "empty_image"]


def test_only_bad_files_give_422_with_each_ones_reason(client: Client) -> None:
    answer = post(client, ("notes.txt", b"text"), ("cut.png", png(9)[:45]))
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"]["code"] == "every_image_bad"
    assert [item["error"]["code"] for item in body["predictions"]] == ["unsupported_image", "corrupt_image"]


def test_a_request_without_pictures_gives_400_and_says_what_came(client: Client) -> None:
    answer = client.post("/api/v1/classify", files={"file": ("a.png", png(0))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_option")
    assert "'images'. Received: the field 'file'" in answer.json()["error"]["message"]
    answer = client.post("/api/v1/classify", files={"top_k": (None, "3")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_image")
    assert "'images'. Received: top_k" in answer.json()["error"]["message"]


def test_a_form_with_nothing_chosen_gives_400(client: Client) -> None:
    assert post(client, ("", b"")).json()["error"]["code"] == "no_image"


def test_too_many_pictures_give_413(make_client: MakeClient) -> None:
    answer = post(make_client(VITRINE_MAX_FILES="2"), png(0), png(0), png(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_images")
    assert "at most 2 pictures. Received: 3" in answer.json()["error"]["message"]


def test_a_body_too_large_gives_413(make_client: MakeClient) -> None:
    answer = post(make_client(VITRINE_MAX_BODY_BYTES="1000"), b"x" * 2000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_file_too_large_fails_alone_and_413_if_there_is_no_other(make_client: MakeClient) -> None:
    client = make_client(VITRINE_MAX_FILE_BYTES="500")
    mixed = post(client, png(0), b"x" * 501)
    assert mixed.status_code == 200
    assert mixed.json()["predictions"][1]["error"] == {
        "code": "file_too_large",
        "message": "Expected at most 500 bytes. Received: 501",
    }
    assert post(client, b"x" * 501).status_code == 413


def test_a_picture_of_too_many_pixels_is_refused(make_client: MakeClient) -> None:
    answer = post(make_client(VITRINE_MAX_PIXELS="100"), png(0, 8), png(0, 11))
    assert answer.json()["predictions"][1]["error"]["code"] == "image_too_large"


def test_top_k_names_the_most_probable_first(client: Client) -> None:
    item = post(client, png(130), top_k="3").json()["predictions"][0]
    assert len(item["probabilities"]) == 3
    assert next(iter(item["probabilities"])) == item["label"] == "5"


def test_options_may_stand_in_the_query(client: Client) -> None:
    answer = post(client, png(0), path="/api/v1/classify?version=1&top_k=1")
    assert answer.json()["model"]["version"] == 1


@pytest.mark.parametrize(
    "options",
    [{"version": "one"}, {"version": "-1"}, {"version": str(2**63)}, {"top_k": "0"}, {"explain": "perhaps"},
     {"version": "1", "label": "stable"}, {"model": "m" * 201}],
)  # fmt: skip
def test_an_option_that_makes_no_sense_gives_400(client: Client, options: dict[str, str]) -> None:
    answer = post(client, png(0), **options)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_option")
    assert "Received: " in answer.json()["error"]["message"]


def test_explain_adds_a_heatmap_whose_alpha_is_the_heat(client: Client, serving: FakeServing) -> None:
    item = post(client, png(0), explain="true").json()["predictions"][0]
    encoded = item["heatmap"].removeprefix("data:image/png;base64,")
    heat = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert heat.shape == (4, 4, 4)
    assert (heat[0, 0, 3], heat[-1, -1, 3]) == (0, 255)
    assert [request[1] for request in serving.requests] == ["describe", "explain"]


def test_many_pictures_go_in_chunks_of_the_largest_batch(make_client: MakeClient, serving: FakeServing) -> None:
    answer = post(make_client(VITRINE_MAX_BATCH="4"), *[png(grey) for grey in range(10, 250, 25)])
    assert [item["label"] for item in answer.json()["predictions"]] == list("0123456789")
    assert [request[2] for request in serving.requests if request[1] == "serving_default"] == [4, 4, 2]


def test_the_clients_request_id_comes_back_and_travels_on(client: Client, serving: FakeServing) -> None:
    answer = post(client, png(0), headers={"X-Request-Id": "abc-1"})
    assert (answer.headers["X-Request-Id"], answer.json()["request_id"]) == ("abc-1", "abc-1")
    assert serving.requests[-1][3]["x-request-id"] == "abc-1"


@pytest.mark.parametrize("insane", ["", "a b", "x" * 65, 'a"b', "-"])
def test_an_insane_request_id_is_replaced(client: Client, insane: str) -> None:
    given = client.get("/healthz", headers={"X-Request-Id": insane}).headers["X-Request-Id"]
    assert given != insane
    assert len(given) == 32


def test_the_card_of_the_version_decides_size_and_labels(client: Client, serving: FakeServing) -> None:
    serving.models["digits"].cards[3] = card(labels=("no", "yes"), image=ImageSpec(5, 7, 3, resize="pad"))
    answer = post(client, png(255, 20)).json()
    assert answer["model"]["version"] == 3
    assert list(answer["predictions"][0]["probabilities"]) == ["no", "yes"]


def test_a_model_that_learnt_light_on_dark_gets_a_dark_pen_on_white_paper_so(
    client: Client, serving: FakeServing
) -> None:
    subject = SubjectSpec("dark", tolerance=0.35)
    serving.models["digits"].cards[3] = card(image=ImageSpec(8, 8, 1, subject=subject))
    paper = np.full((60, 40), 255, np.uint8)
    paper[20:44, 18:22] = 30
    answer = post(client, encoded(paper)).json()
    # By its brightness: one column of eight is light, where seven eighths of the paper are.
    assert answer["predictions"][0]["label"] == str(int(1 / 8 * 10))


def test_more_requests_than_allowed_get_429_at_once_and_the_others_are_answered(
    make_client: MakeClient, serving: FakeServing
) -> None:
    client = make_client(VITRINE_MAX_INFLIGHT="1")
    post(client, png(0))
    serving.models["digits"].latency_s = 1.0
    statuses: list[int] = []
    slow = threading.Thread(target=lambda: statuses.append(post(client, png(0)).status_code))
    asked = len(serving.requests)
    slow.start()
    wait_until(lambda: len(serving.requests) > asked)
    answer = post(client, png(0))
    slow.join()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["error"]["code"] == "overloaded"
    assert statuses == [200]
    serving.models["digits"].latency_s = 0
    assert post(client, png(0)).status_code == 200


def test_a_second_model_is_served_by_its_name(client: Client, serving: FakeServing) -> None:
    serving.models["shades"] = FakeModel({7: card("shades", ("dark", "light"))})
    answer = post(client, png(255), model="shades").json()
    assert answer["model"] == {"name": "shades", "version": 7, "label": None}
    assert answer["predictions"][0]["label"] == "light"
