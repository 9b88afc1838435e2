"""A thing to try next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Advice.

    Attributes:
        title: What to do.
        why: The figures that say so, and what it is good for.
        command: To type; empty where the work is on the pictures.
        files: The pictures to look at.
    """

    title: str
    why: str
    command: str = ""
    files: tuple[str, ...] = ()
