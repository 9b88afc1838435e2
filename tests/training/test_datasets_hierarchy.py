"""Labels of two levels."""

from __future__ import annotations

import pytest

from training.datasets.hierarchy import categories


def test_what_stands_before_the_first_slash_is_the_category() -> None:
    found = categories(("animal/cat", "animal/dog/small", "plant", "vehicle/car"))
    assert found is not None
    assert found[0] == ("animal", "plant", "vehicle")
    assert found[1].tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("labels", [("cat", "dog"), ("animal/cat", "plant/tree"), ("animal/cat", "animal/dog")])
def test_an_upper_level_that_tells_nothing_new_is_none(labels: tuple[str, ...]) -> None:
    assert categories(labels) is None
