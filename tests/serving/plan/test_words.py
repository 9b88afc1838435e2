"""What a change did, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.release import ModelRelease
from serving.plan.words import summary
from tests.serving.plan.states import CANARIED, ONE, TWO

SHADOWED = ModelRelease((1, 2, 3), TWO.labels, shadow=3, previous=1)


@pytest.mark.parametrize(
    ("former", "after", "words"),
    [
        (ModelRelease(), ONE, "digits 1 is stable."),
        (ONE, TWO, "digits 2 is stable; before it was 1; still loaded: 1."),
        (TWO, CANARIED, "digits 3 is canary with 10% of traffic, by client; still loaded: 1."),
        (CANARIED, TWO, "digits 3 is canary no more; still loaded: 1; retired: 3."),
        (
            CANARIED,
            replace(CANARIED, canary_percent=50),
            "digits 3 is canary with 50% of traffic, by client; still loaded: 1.",
        ),
        (TWO, SHADOWED, "digits 3 gets a copy of 100% of requests; still loaded: 1."),
        (
            replace(SHADOWED, split="request"),
            TWO,
            "digits 3 gets no copies of requests any more; still loaded: 1; retired: 3.",
        ),
    ],
)
def test_a_change_is_one_sentence(former: ModelRelease, after: ModelRelease, words: str) -> None:
    assert summary("digits", former, after) == words
