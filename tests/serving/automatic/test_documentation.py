"""The documentation's limits are the program's."""

from __future__ import annotations

from dataclasses import fields

from serving.automatic.limits import Limits
from tests.conftest import ROOT


def test_the_table_of_limits_is_that_of_the_options() -> None:
    rows = [
        f"| `--{one.name.replace('_', '-')}` | {one.default:g} | {one.metadata['help']} |" for one in fields(Limits)
    ]

    assert "\n".join(rows) in (ROOT / "docs" / "rollout.md").read_text(encoding="utf-8")
