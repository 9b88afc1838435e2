"""When the next copy may be sent, so that users come first. Pure: moments in, decisions out."""

from __future__ import annotations

# While users' work is under way, copies take a twentieth of one place's time: enough to know a version by, too little
# to be felt.
BUSY_SHARE = 1 / 20
MOST_REST_S = 30.0
MOST_PENANCE_S = 120.0


class Pace:
    """The pace of the copies for one shadow version.

    With no user's work under way copies go out side by side, as many as there are places. Else they go one at a time,
    with a rest after each that is in proportion to what it took. A version that ran into its deadline, or met a full
    server, rests in any case, and longer each time in a row: what hangs may hold a thread of the model server for good.
    """

    def __init__(self, places: int) -> None:
        """`places` is how many copies may be under way at once."""
        self._places = places
        self._if_quiet_s = float("-inf")
        self._if_busy_s = float("-inf")
        self._in_a_row = 0

    def resting(self, now_s: float) -> bool:
        """Whether nothing may begin at a moment, users or not."""
        return now_s < self._if_quiet_s

    def may_begin(self, now_s: float, *, under_way: int, busy: bool) -> bool:
        """Whether one more copy may begin at a moment; `busy` is true while users' work is under way."""
        if busy:
            return under_way == 0 and now_s >= self._if_busy_s
        return under_way < self._places and not self.resting(now_s)

    def ended(self, now_s: float, took_s: float, *, strained: bool) -> None:
        """Takes note of a copy's end; `strained` is true if time ran out or the model server had no room."""
        self._in_a_row = self._in_a_row + 1 if strained else 0
        self._if_busy_s = now_s + min(took_s * (1 / BUSY_SHARE - 1), MOST_REST_S)
        if strained:
            self._if_quiet_s = now_s + min(took_s * 2 ** min(self._in_a_row, 16), MOST_PENANCE_S)
            self._if_busy_s = max(self._if_busy_s, self._if_quiet_s)
