"""The aspired-version policy: a pure function from what is, and what is wanted, to the next thing to do.

The life of a version, in TensorFlow Serving's words::

    aspired             a load thread is free          loaded
       |                           |                      |
       v                           v                      v
     START ----------------> LOADING ------------> AVAILABLE
       |                     |  |  ^  |                 |
       |                     |  +--+  |                 |  not aspired, and replaced
       |                     | failed:|                 |  (or nothing else is aspired)
       |                     | tried  |                 v
       | no longer           | again  +---------> UNLOADING
       | aspired             | later   no longer      |
       |                     |         aspired        |  closed, once its last request is answered
       |      out of         |                        |
       |      attempts       v                        |
       +------------------> END <---------------------+

Requests run on AVAILABLE versions alone, and finish on the one they started with while it is UNLOADING. A version that
is aspired again after its END starts anew.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class State(enum.Enum):
    """Where a version is in its life."""

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
        load_requested: True if it is at START and only waits for a load thread.
    """

    version: int
    state: State
    aspired: bool
    load_requested: bool = False


@dataclass(frozen=True)
class Load:
    """Load this version, as soon as a thread is free."""

    version: int


@dataclass(frozen=True)
class Unload:
    """Stop serving this version, once its requests are answered."""

    version: int


def next_action(versions: Sequence[Snapshot]) -> Load | Unload | None:
    """What to do next for one model, preserving availability: a new version is loaded before an old one is unloaded.

    Unaspired versions go one by one, the lowest first, if another serves in their place or nothing is aspired at all.
    Aspired ones are loaded, the highest first.
    """
    aspired = [one for one in versions if one.aspired]
    leaving = [one for one in versions if not one.aspired and one.state is State.AVAILABLE]
    replaced = any(one.state is State.AVAILABLE for one in aspired)
    if leaving and (not aspired or replaced or len(leaving) > 1):
        return Unload(min(one.version for one in leaving))
    new = [one for one in aspired if one.state is State.START and not one.load_requested]
    return Load(max(one.version for one in new)) if new else None
