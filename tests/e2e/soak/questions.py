"""The kinds of request, and how each answer shows which version it says it is of and which model it came from."""

from __future__ import annotations

import base64
import csv
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import requests
from PIL import Image

from contract.client import ModelSpec, ServingClient
from tests.e2e.faulty import LABELS, SIDE
from tests.e2e.soak.system import MODEL

VERSION_HEADER, MODEL_HEADER = "X-Vitrine-Version", "X-Vitrine-Model"
_CARD = re.compile(r'<li class="card[^>]*data-version="(\d+)"')
_BAR = re.compile(r"(\d+\.\d)%")
GREYS = tuple(range(4, 256, 24))


@dataclass(frozen=True)
class Seen:
    """One picture's answer.

    Attributes:
        version: That it is said to come from.
        label: The top class.
        probability: Its probability, which tells the model's mark.
    """

    version: int
    label: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status; 200 for gRPC's OK.
        seen: For each picture in its order; empty if there is no answer.
        told: The version in the header, None if there was none.
        text: The beginning of the body, for what is no answer.
    """

    status: int
    seen: Sequence[Seen] = ()
    told: int | None = None
    text: str = ""


@dataclass
class Asker:
    """What a client needs to ask: its connection, its randomness, and who it says it is."""

    session: requests.Session
    url: str
    direct: ServingClient
    random: random.Random
    client: str = ""

    def post(self, path: str, **what: object) -> requests.Response:
        """A POST in the name of the current client."""
        headers = {"X-Forwarded-For": self.client}
        return self.session.post(self.url + path, headers=headers, timeout=30, **what)  # type: ignore[arg-type]


Ask = Callable[[Asker, list[int]], Answer]


@dataclass(frozen=True)
class Question:
    """A kind of request.

    Attributes:
        name: For the summary.
        ask: Sends it, with pictures of these greys.
        most: How many pictures at most.
        pinned: True if it asks for the version labelled stable, whatever the split.
    """

    name: str
    ask: Ask
    most: int = 1
    pinned: bool = False


def picture(grey: int) -> bytes:
    """A PNG of one grey."""
    buffer = io.BytesIO()
    Image.new("L", (2 * SIDE, 2 * SIDE), grey).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


_PICTURES = {grey: picture(grey) for grey in GREYS}


def _form(asker: Asker, greys: list[int], path: str = "/api/v1/classify", **options: str) -> requests.Response:
    files = [("images", (f"{number}.png", _PICTURES[grey])) for number, grey in enumerate(greys)]
    return asker.post(path, files=files, data=options)


def _read_json(response: requests.Response) -> Answer:
    body = response.json()
    version = body["model"]["version"]
    return _answer(response, [Seen(version, one["label"], one["probability"]) for one in body["predictions"]])


def _answer(response: requests.Response, seen: Sequence[Seen]) -> Answer:
    told = response.headers.get(VERSION_HEADER)
    assert response.headers.get(MODEL_HEADER, MODEL) == MODEL, response.headers
    return Answer(200, seen, None if told is None else int(told))


def _checked(read: Callable[[requests.Response], Answer], response: requests.Response) -> Answer:
    return read(response) if response.status_code == 200 else Answer(response.status_code, text=response.text[:2000])


def _ask_json(asker: Asker, greys: list[int], **options: str) -> Answer:
    return _checked(_read_json, _form(asker, greys, **options))


def _ask_base64(asker: Asker, greys: list[int]) -> Answer:
    body = {"images": [base64.b64encode(_PICTURES[grey]).decode() for grey in greys], "top_k": 3}
    return _checked(_read_json, asker.post("/api/v1/classify", json=body))


def _ask_csv(asker: Asker, greys: list[int]) -> Answer:
    def read(response: requests.Response) -> Answer:
        rows = list(csv.DictReader(io.StringIO(response.text)))
        # A table has no place for the version: the header alone tells it.
        version = int(response.headers.get(VERSION_HEADER, -1))
        return _answer(response, [Seen(version, row["label"], float(row["probability"])) for row in rows])

    return _checked(read, _form(asker, greys, format="csv"))


def _ask_lines(asker: Asker, greys: list[int]) -> Answer:
    def read(response: requests.Response) -> Answer:
        seen, version, ended = [], -1, False
        for line in map(json.loads, response.text.splitlines()):
            if "model" in line:
                version = line["model"]["version"]
            elif "index" in line:
                seen.append(Seen(version, line["label"], line["probability"]))
            elif "error" in line:
                return Answer(599, text=response.text[:2000])
            else:
                ended = "timing_ms" in line
        return _answer(response, seen) if ended else Answer(599, text=response.text[:2000])

    return _checked(read, _form(asker, greys, format="ndjson"))


def _ask_page(asker: Asker, greys: list[int]) -> Answer:
    def read(response: requests.Response) -> Answer:
        cards = _CARD.split(response.text)[1:]
        seen = []
        for version, html in zip(cards[::2], cards[1::2], strict=True):
            share = max(float(percent) for percent in _BAR.findall(html))
            # The first bar's label; the order of the bars is that of the probabilities.
            label = re.search(rf">\s*({'|'.join(LABELS)})\s*<", html)
            seen.append(Seen(int(version), label.group(1) if label else "", share / 100))
        return _answer(response, seen)

    return _checked(read, _form(asker, greys, "/"))


def _ask_stable(asker: Asker, greys: list[int]) -> Answer:
    return _ask_json(asker, greys, label="stable")


def _ask_explain(asker: Asker, greys: list[int]) -> Answer:
    return _ask_json(asker, greys, explain="true")


def _ask_directly(asker: Asker, greys: list[int]) -> Answer:
    images = np.stack([np.full((SIDE, SIDE, 1), grey, np.uint8) for grey in greys])
    prediction = asker.direct.predict(ModelSpec(MODEL, label="stable"), {"images": images})
    rows = prediction.outputs["probabilities"]
    seen = [Seen(prediction.version, LABELS[int(row.argmax())], float(row.max())) for row in rows]
    return Answer(200, seen, prediction.version)


# The most common one thrice.
QUESTIONS: tuple[Question, ...] = (
    *[Question("one picture", _ask_json)] * 3,
    Question("many pictures", _ask_json, most=12),
    Question("base64 in JSON", _ask_base64, most=4),
    Question("CSV", _ask_csv, most=4),
    Question("ndjson", _ask_lines, most=6),
    Question("form on the page", _ask_page, most=3),
    Question("explained", _ask_explain),
    Question("label stable", _ask_stable, most=2, pinned=True),
    Question("gRPC, label stable", _ask_directly, most=2, pinned=True),
)
