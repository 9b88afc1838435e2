"""What people and programs get, from the picture's bytes to every class's probability."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

import pytest
import requests

from contract.card import ImageSpec
from contract.client import ModelSpec, ServingClient
from contract.images import ImageError, decode
from tests.e2e.stack import Stack


def test_every_class_has_a_probability_and_they_sum_to_one(common_stack: Stack, digits: list[Path]) -> None:
    answer = common_stack.classify(*digits)
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [one["filename"] for one in predictions] == [path.name for path in digits]
    for one in predictions:
        assert set(one["probabilities"]) == set("0123456789")
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["probabilities"][one["label"]] == one["probability"] == max(one["probabilities"].values())
    right = [one["label"] == Path(one["filename"]).stem for one in predictions]
    assert sum(right) >= 8  # a short training


def test_all_awkward_pictures_in_one_upload(common_stack: Stack, shared: Path, digits: list[Path]) -> None:
    folder = shared / "data" / "pictures"
    with (folder / "MANIFEST.csv").open() as manifest:
        pictures = [folder / row["file"] for row in csv.DictReader(manifest)]
    answer = common_stack.classify(*pictures)
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [one["filename"] for one in predictions] == [picture.name for picture in pictures]
    spec = image_spec(common_stack)
    for picture, one in zip(pictures, predictions, strict=True):
        assert ("error" in one) == (not decodes(picture, spec)), picture.name
    reasons = {one["error"]["code"] for one in predictions if "error" in one}
    assert {"empty_image", "unsupported_image", "corrupt_image", "image_too_large"} <= reasons
    assert common_stack.classify(digits[1]).status_code == 200


def test_the_graph_decodes_to_the_same_answer_as_the_gateway(common_stack: Stack, digits: list[Path]) -> None:
    if not common_stack.model_server.rest:
        pytest.skip("the REST port of the server that VITRINE_SERVING names is not known")
    instances = [{"image_bytes": {"b64": base64.b64encode(path.read_bytes()).decode()}} for path in digits]
    answer = requests.post(
        f"{common_stack.model_server.rest}/v1/models/digits:predict",
        json={"signature_name": "serving_bytes", "instances": instances},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    through_gateway = common_stack.classify(*digits).json()["predictions"]
    for graph, gateway in zip(answer.json()["predictions"], through_gateway, strict=True):
        by_class = dict(zip(graph["classes"], graph["probabilities"], strict=True))
        assert by_class == pytest.approx(gateway["probabilities"], abs=1e-4)


def test_a_version_is_asked_for_and_named_in_the_answer(common_stack: Stack, digits: list[Path]) -> None:
    current = common_stack.classify(digits[0]).json()["model"]["version"]
    pinned = common_stack.classify(digits[0], model="digits", version=str(current))
    assert pinned.json()["model"] == {"name": "digits", "version": current} | pinned.json()["model"]
    missing = common_stack.classify(digits[0], model="digits", version="999")
    assert missing.status_code == 404
    assert "999" in missing.json()["error"]["message"]


def image_spec(running: Stack) -> ImageSpec:
    """The picture that the served model takes."""
    with ServingClient(running.model_server.address) as client:
        return client.describe(ModelSpec("digits")).image


def decodes(picture: Path, spec: ImageSpec) -> bool:
    """True if the contract's decoder makes a picture of the file."""
    try:
        decode(picture.read_bytes(), spec)
    except ImageError:
        return False
    return True
