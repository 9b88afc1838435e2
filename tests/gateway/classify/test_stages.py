"""How long a request was at what."""

from __future__ import annotations

import pytest

from gateway.classify.answer import Stage, covered_s


@pytest.mark.parametrize(
    ("stretches", "seconds"),
    [
        ([], 0),
        ([(1, 3)], 2),
        ([(1, 2), (2, 4)], 3),
        ([(10, 12), (1, 2)], 3),
        ([(1, 5), (2, 3), (4, 6)], 5),
    ],
)
def test_what_goes_side_by_side_counts_once_and_what_lies_between_does_not(
    stretches: list[tuple[float, float]], seconds: float
) -> None:
    assert covered_s(Stage("predict", began, ended, 1) for began, ended in stretches) == seconds
