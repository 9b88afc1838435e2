"""The model card."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.card import CardError, ImageSpec, ModelCard, SubjectSpec

CARD: dict[str, Any] = {
    "name": "digits",
    "labels": ["0", "1", "animal/chat noir"],
    "image": {"height": 8, "width": 10, "channels": 1, "resize": "pad"},
    "version": 3,
    "metrics": {"accuracy": 0.98, "per_class": {"0": [1, 2]}},
    "thresholds": {"unsure": 0.5},
    "dataset": "digits",
    "created": "2026-01-02T03:04:05+00:00",
    "framework": "keras 3.15.1, tensorflow 2.20.0",
    "git_commit": "abc",
}


def with_(**changes: object) -> dict[str, Any]:
    return {**CARD, **changes}


def with_image(**changes: object) -> dict[str, Any]:
    return with_(image={**CARD["image"], **changes})


def test_a_card_comes_back_from_json_as_it_went() -> None:
    card = ModelCard.from_dict(CARD)

    assert card.to_dict() == CARD
    assert ModelCard.from_json(card.to_json()) == card
    assert ModelCard.from_json(card.to_json().encode()) == card
    assert card.labels == ("0", "1", "animal/chat noir")
    assert card.image.shape == (8, 10, 1)


def test_name_labels_and_size_are_enough() -> None:
    card = ModelCard.from_dict({"name": "a", "labels": ["x"], "image": {"height": 1, "width": 2}})

    assert card.image == ImageSpec(1, 2, 3, "stretch")
    assert (card.version, card.metrics, card.created) == (None, {}, "")


def test_keys_of_a_newer_release_are_kept_on_the_card_and_on_its_image() -> None:
    newer = with_(licence="CC0", calibration={"temperature": 1.5}) | {"image": {**CARD["image"], "mean": [0.5]}}

    card = ModelCard.from_dict(newer)

    assert card.extra == {"licence": "CC0", "calibration": {"temperature": 1.5}}
    assert card.image.extra == {"mean": [0.5]}
    assert json.loads(card.with_version(7).to_json()) == {**newer, "version": 7}


def test_what_is_known_of_the_subject_comes_back_and_a_card_without_it_has_no_such_key() -> None:
    subject = {"background": "light", "tolerance": 0.2, "shadow": "soft"}
    image = {"height": 8, "width": 10, "channels": 1, "resize": "pad", "subject": subject}

    card = ModelCard.from_dict(with_(image=image))

    assert card.image.subject == SubjectSpec("light", 0.2, {"shadow": "soft"})
    assert card.to_dict() == with_(image=image)
    assert ModelCard.from_dict(CARD).image.subject is None
    assert "subject" not in ModelCard.from_dict(CARD).to_dict()["image"]


def test_a_key_named_extra_is_a_key_like_any_other() -> None:
    assert ModelCard.from_dict(with_(extra={"a": 1})).to_dict() == with_(extra={"a": 1})


def test_labels_in_any_script_are_readable_in_the_json() -> None:
    assert "猫" in ModelCard.from_dict(with_(labels=["猫"])).to_json()


def test_a_version_may_be_set_and_the_rest_stays() -> None:
    assert ModelCard.from_dict(CARD).with_version(9).to_dict() == with_(version=9)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "the model card must be a JSON object. Received: list"),
        (None, "the model card must be a JSON object. Received: NoneType"),
        ({}, "A model card needs 'labels' (a list) and 'image'. Received the keys: ['extra']"),
        (with_(labels="abc"), "A model card needs 'labels' (a list)"),
        (with_(labels=[]), "labels must be a non-empty list of non-empty strings. Received: []"),
        (with_(labels=["a", 1]), "Received: ['a', 1]"),
        (with_(labels=["a", ""]), "Received: ['a', '']"),
        (with_(labels=["a", "b", "a"]), "labels must differ from each other. Received more than once: ['a']"),
        (with_(name=""), "name must be a non-empty string. Received: ''"),
        (with_(name=5), "name must be a non-empty string. Received: 5"),
        (with_(version="3"), "version must be a whole number or null. Received: '3'"),
        (with_(version=-1), "version must be a whole number or null. Received: -1"),
        (with_(version=True), "version must be a whole number or null. Received: True"),
        (with_(image=[8, 8]), "image must be a JSON object. Received: list"),
        (with_image(height=0), "image.height must be a whole number of pixels, 1 to 4096. Received: 0"),
        (with_image(height=4097), "image.height must be a whole number of pixels, 1 to 4096. Received: 4097"),
        (with_image(width="8"), "image.width must be a whole number of pixels, 1 to 4096. Received: '8'"),
        (with_image(width=8.0), "Received: 8.0"),
        (with_image(height=True), "Received: True"),
        (with_image(channels=4), "image.channels must be 1 (grey) or 3 (RGB). Received: 4"),
        (with_image(resize="zoom"), "image.resize must be one of stretch, crop, pad. Received: 'zoom'"),
        (with_image(subject=[]), "image.subject must be a JSON object. Received: list"),
        (with_image(subject={"background": "red"}), "image.subject.background must be dark or light. Received: 'red'"),
        (with_image(subject={"tolerance": 1}), "image.subject.tolerance must be at least 0 and below 1. Received: 1"),
        (with_image(subject={"tolerance": "0"}), "Received: '0'"),
        (with_image(subject={"tolerance": True}), "Received: True"),
        (with_image(subject={"tolerance": float("nan")}), "Received: nan"),
        (with_image(subject={}, channels=3), "image.subject needs image.channels to be 1 (grey). Received: 3"),
        (with_(image={"height": 8}), "missing 1 required positional argument: 'width'"),
        ({key: item for key, item in CARD.items() if key != "name"}, "missing 1 required positional argument: 'name'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_came_and_what_was_wanted(value: object, message: str) -> None:
    with pytest.raises(CardError) as caught:
        ModelCard.from_dict(value)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe\xff", "nope"])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(CardError, match="A model card must be JSON"):
        ModelCard.from_json(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [("metrics", []), ("thresholds", "x"), ("dataset", 5), ("created", None), ("git_commit", []), ("framework", {})],
)
def test_values_of_the_wrong_type_are_refused(key: str, value: object) -> None:
    with pytest.raises(CardError, match=f"{key} must be"):
        ModelCard.from_dict(with_(**{key: value}))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists) | st.from_type(dict))
def test_any_other_value_is_a_card_error_and_nothing_else(value: object) -> None:
    for candidate in (
        value,
        with_(labels=value),
        with_(image=value),
        with_(name=value),
        with_image(resize=value),
        with_image(subject=value),
    ):
        try:
            card = ModelCard.from_dict(candidate)
        except CardError:
            continue
        assert ModelCard.from_dict(card.to_dict()) == card
