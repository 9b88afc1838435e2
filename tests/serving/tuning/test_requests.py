"""What the clients send."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from contract import tensors
from contract import wire_pb2 as wire
from contract.messages import ModelSpec
from serving.tuning import requests
from serving.tuning.requests import Mix


@pytest.mark.parametrize(
    ("text", "weights"), [("1", {1: 1}), ("1,8,32", {1: 1, 8: 1, 32: 1}), ("1:8,32:2,1", {1: 9, 32: 2})]
)
def test_a_mix_is_sizes_and_how_often_they_come(text: str, weights: dict[int, int]) -> None:
    assert requests.parse(text).weights == weights


@pytest.mark.parametrize("text", ["", "0", "1:0", "-1", "a", "1:b", "1,"])
def test_what_is_no_mix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        requests.parse(text)


@pytest.mark.parametrize("most", [1, 2, 8, 32, 64])
def test_the_usual_mix_ends_with_a_full_call(most: int) -> None:
    mix = requests.usual(most)
    assert mix.most == most
    assert requests.parse(str(mix)) == mix


def test_most_calls_are_small_and_half_of_the_pictures_come_in_full_ones() -> None:
    weights = requests.usual(32).weights
    assert weights[1] > sum(weights.values()) / 2
    assert 32 * weights[32] == sum(size * weight for size, weight in weights.items()) / 2


def test_a_deck_has_every_size_as_often_as_it_weighs_and_is_always_the_same() -> None:
    mix = Mix({1: 3, 32: 1})
    deck = mix.deck()
    assert deck == mix.deck()
    assert Counter(deck)[1] == 3 * Counter(deck)[32]


def test_calls_are_written_ready_to_be_sent(tmp_path: Path) -> None:
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2, 1)

    told = requests.write(tmp_path, ModelSpec("digits", 7), images, Mix({1: 1, 5: 2}))
    calls, deck = requests.read(told)

    assert {*deck} == {*calls} == {1, 5}
    request = wire.PredictRequest.FromString(calls[5])
    assert (request.model_spec.name, request.model_spec.version.value) == ("digits", 7)
    sent = tensors.from_proto(request.inputs["images"])
    np.testing.assert_array_equal(sent, images[[0, 1, 2, 0, 1]])
