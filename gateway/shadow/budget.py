"""How many bytes all copies may hold at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Bytes that are set aside, and how many of them are held. For one event loop.

    Attributes:
        held_bytes: As of now.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.held_bytes = 0

    def take(self, count: int) -> bool:
        """Holds so many bytes more; False, and holds none of them, if there is no room."""
        if self.held_bytes + count > self._most_bytes:
            return False
        self.held_bytes += count
        return True

    def give(self, count: int) -> None:
        """Gives so many bytes back."""
        self.held_bytes -= count

    @contextmanager
    def held(self, count: int) -> Iterator[bool]:
        """As `take`, until the end of the block."""
        fits = self.take(count)
        try:
            yield fits
        finally:
            if fits:
                self.give(count)
