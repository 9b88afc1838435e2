"""Label values: each thing its own, but only so many."""

from __future__ import annotations

from gateway.observe.tallies import MOST_VALUES, OTHER, LabelValues


def test_each_version_has_its_own_values_however_many_came_before() -> None:
    values = LabelValues()
    assert [values.of("digits", version) for version in range(MOST_VALUES)] == [
        ("digits", str(version)) for version in range(MOST_VALUES)
    ]
    assert values.of("digits", MOST_VALUES) == (OTHER, OTHER)
    assert values.of("digits", 7) == ("digits", "7")
