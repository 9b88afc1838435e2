"""What can hinder a change of what serves.

RolloutFailed    a version did not become available everywhere, or is not fit to serve; all is as it was before
`-- RolloutLate  the version was neither available nor refused in time
NoReplica        no model server answers; nothing was changed
"""

from __future__ import annotations


class RolloutFailed(Exception):
    """A version that cannot serve everywhere; the release state is what it was before."""


class RolloutLate(RolloutFailed):
    """The version was neither available nor refused in time."""

    def __init__(self, version: int, message: str) -> None:
        super().__init__(message)
        self.version = version


class NoReplica(Exception):
    """No model server answers; nothing was changed."""
