"""The copies for one shadow version: those that wait, those that are under way, and what becomes of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from contract.card import ImageSpec
from contract.errors import DeadlineExceeded, Overloaded
from contract.messages import ModelSpec
from gateway.observe.seldom import Seldom
from gateway.observe.shadows import Outcome, ShadowMetrics
from gateway.shadow.asker import Asker, NoRoom
from gateway.shadow.budget import Budget
from gateway.shadow.compare import compare
from gateway.shadow.copies import Copy
from gateway.shadow.pace import Pace

MOST_WAITING = 100

_log = logging.getLogger(__name__)


class Lane:
    """One shadow version's copies. For one event loop.

    Attributes:
        version: The shadow version.
        wanted: Which pictures it takes; None until it was asked.
    """

    def __init__(
        self, model: str, version: int, asker: Asker, budget: Budget, metrics: ShadowMetrics, *, places: int
    ) -> None:
        self.version = version
        self.wanted: ImageSpec | None = None
        self._servable = ModelSpec(model, version=version)
        self._asker = asker
        self._budget = budget
        self._metrics = metrics
        self._pace = Pace(places)
        self._waiting: deque[Copy] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._complaints = Seldom()

    @property
    def waiting(self) -> bool:
        """True if a copy waits for its turn."""
        return bool(self._waiting)

    @property
    def full(self) -> bool:
        """True if no further copy may wait: too many do, or the version is not asked at all for a while."""
        return len(self._waiting) >= MOST_WAITING or self._pace.resting(time.monotonic())

    def join(self, copy: Copy) -> None:
        """Lets a copy wait for its turn, or drops it if there is no room."""
        if self.full or not self._budget.take(copy.held_bytes):
            self.count(copy.version, "dropped")
        else:
            self._waiting.append(copy)

    def begin(self, *, busy: bool, ended: Callable[[], None]) -> None:
        """Begins as many copies as the pace allows; `ended` is called after each one's end."""
        while self._waiting and self._pace.may_begin(time.monotonic(), under_way=len(self._under_way), busy=busy):
            task = asyncio.create_task(self._run(self._waiting.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(lambda _: ended())

    def close(self) -> list[asyncio.Task[None]]:
        """Gives up everything and counts none of it; gives the tasks that are about to end."""
        for copy in self._waiting:
            self._budget.give(copy.held_bytes)
        self._waiting.clear()
        for task in self._under_way:
            task.cancel()
        return list(self._under_way)

    def count(self, version: int, outcome: Outcome) -> None:
        """Counts what became of a request that `version` answered."""
        self._metrics.request(self._servable.name, version, self.version, outcome)

    async def _run(self, copy: Copy) -> None:
        began, strained = time.monotonic(), False
        try:
            await self._compare(copy)
        except NoRoom:
            self.count(copy.version, "dropped")
        except Overloaded:
            # The model server has no room. That is not the version's fault, and users need it more.
            strained = True
            self.count(copy.version, "dropped")
        except Exception as error:
            strained = isinstance(error, DeadlineExceeded)
            self.count(copy.version, "failed")
            self._complain(error)
        finally:
            self._budget.give(copy.held_bytes)
            now = time.monotonic()
            self._pace.ended(now, now - began, strained=strained)
        if strained:
            self._drop()

    async def _compare(self, copy: Copy) -> None:
        card = await self._asker.card(self._servable)
        self.wanted = card.image
        pair = await self._asker.ask(self._servable, card, copy, self._budget)
        found = compare(pair.version, pair.shadow)
        self.count(copy.version, "ok")
        self._metrics.compared(
            self._servable.name,
            copy.version,
            self.version,
            agrees=found.agrees.tolist(),
            differences=found.difference.tolist(),
            seconds=(pair.version.seconds, pair.shadow.seconds),
        )

    def _drop(self) -> None:
        """Lets go of the copies that wait: the rest that follows may be long, and they hold memory."""
        while self._waiting:
            copy = self._waiting.popleft()
            self._budget.give(copy.held_bytes)
            self.count(copy.version, "dropped")

    def _complain(self, error: Exception) -> None:
        if self._complaints.due(type(error).__name__):
            name = self._servable.name
            _log.warning("shadow %s version %d failed: %s: %s", name, self.version, type(error).__name__, error)
