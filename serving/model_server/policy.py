"""The aspired-version policy: a pure function from what is, and what is wanted, to the next thing to do."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class State(enum.Enum):
    """The life of one version, in TensorFlow Serving's words."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class Snapshot:
    """One version as the policy sees it.

    Attributes:
        version: Its number.
        state: Where it is in its life.
        aspired: True if it is wanted.
        retrying: True if it failed to load and waits for another attempt.
    """

    version: int
    state: State
    aspired: bool
    retrying: bool = False


@dataclass(frozen=True)
class Load:
    """Start loading this version."""

    version: int


@dataclass(frozen=True)
class Unload:
    """Stop serving this version, once its requests are answered."""

    version: int


def next_action(versions: Sequence[Snapshot]) -> Load | Unload | None:
    """What to do next for one model, preserving availability: a new version is loaded before an old one is unloaded.

    One version of a model loads at a time, the highest first.
    """
    aspired = [one for one in versions if one.aspired]
    leaving = [one for one in versions if not one.aspired and one.state is State.AVAILABLE]
    replaced = any(one.state is State.AVAILABLE for one in aspired)
    if leaving and (not aspired or replaced or len(leaving) > 1):
        return Unload(min(one.version for one in leaving))
    waiting = [one for one in aspired if one.state is State.START]
    loading = any(one.state is State.LOADING and not one.retrying for one in versions)
    if waiting and not loading:
        return Load(max(one.version for one in waiting))
    return None
