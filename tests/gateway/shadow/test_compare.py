"""Agreement and difference of two versions' answers, by the names of their labels."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.shadow.compare import Answered, compare


def says(labels: str, *rows: list[float]) -> Answered:
    """What a version says; each letter is a label."""
    return Answered(tuple(labels), np.array(rows, np.float32), 0.0)


@pytest.mark.parametrize(
    ("one", "other", "agrees", "difference"),
    [
        (says("ab", [0.75, 0.25]), says("ab", [0.75, 0.25]), True, 0.0),
        (says("ab", [0.75, 0.25]), says("ab", [0.5, 0.5]), True, 0.25),
        (says("ab", [0.75, 0.25]), says("ab", [0.25, 0.75]), False, 0.5),
        (says("ab", [0.75, 0.25]), says("ba", [0.25, 0.75]), True, 0.0),
        (says("ab", [0.75, 0.25]), says("ba", [0.75, 0.25]), False, 0.5),
        (says("ab", [0.75, 0.25]), says("abc", [0.5, 0.0, 0.5]), True, (0.25 + 0.25 + 0.5) / 3),
        (says("ab", [0.75, 0.25]), says("cd", [0.75, 0.25]), False, 2 / 4),
        (says("a", [1.0]), says("a", [1.0]), True, 0.0),
        # Scores of whatever kind are compared too: a label that a version lacks is never its top.
        (says("ab", [-1.0, -2.0]), says("ac", [-1.0, -3.0]), True, (0 + 2 + 3) / 3),
    ],
)
def test_two_answers_are_compared_by_the_names_of_their_labels(
    one: Answered, other: Answered, agrees: bool, difference: float
) -> None:
    for found in (compare(one, other), compare(other, one)):
        assert found.agrees.tolist() == [agrees]
        assert found.difference.tolist() == pytest.approx([difference])


def test_each_picture_is_compared_with_itself() -> None:
    found = compare(says("ab", [0.9, 0.1], [0.2, 0.8]), says("ba", [0.1, 0.9], [0.8, 0.2]))
    assert found.agrees.tolist() == [True, True]
    found = compare(says("ab", [0.9, 0.1], [0.2, 0.8]), says("ab", [0.2, 0.8], [0.2, 0.8]))
    assert found.agrees.tolist() == [False, True]
    assert found.difference.tolist() == pytest.approx([0.7, 0.0])


def test_a_difference_as_small_as_float32_tells_apart_is_seen() -> None:
    found = compare(says("ab", [0.5, 0.5]), says("ab", [np.nextafter(np.float32(0.5), np.float32(1)), 0.5]))
    assert 0 < found.difference[0] < 1e-7


def test_a_thousand_labels_are_no_matter() -> None:
    rng = np.random.default_rng(1)
    labels = tuple(map(str, range(1000)))
    rows = rng.random((32, 1000), np.float32)
    mixed = rng.permutation(1000)
    other = Answered(tuple(labels[place] for place in mixed), rows[:, mixed], 0.0)
    found = compare(Answered(labels, rows, 0.0), other)
    assert found.agrees.all()
    assert not found.difference.any()
