"""Which answered requests are copied to the shadow version that release.json names, and when the copies begin."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

from gateway.classify.answer import Answer, Question
from gateway.classify.job import Pixels
from gateway.observe.shadows import ShadowMetrics
from gateway.settings.settings import Settings
from gateway.shadow.asker import Asker
from gateway.shadow.budget import Budget
from gateway.shadow.copies import copy_of
from gateway.shadow.lane import Lane
from gateway.upstream.model_server import ModelServer
from gateway.versions.releases import ReleaseWatcher

# How often it is looked whether users leave room for a copy that waits. It is also how long a copy waits at least, so
# that the user's answer is on its way before anything is done for the copy.
LOOK_S = 0.005
# Users are still about for so long after an answer: the next request of one who asks again and again is on its way.
QUIET_S = 0.01

_log = logging.getLogger(__name__)


class Mirror:
    """Copies a share of the answered requests. For one event loop."""

    def __init__(
        self,
        settings: Settings,
        client: ModelServer,
        releases: ReleaseWatcher,
        metrics: ShadowMetrics,
        *,
        busy: Callable[[], bool],
        away: Callable[[], bool],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Asks nothing yet.

        Args:
            settings: The bounds.
            client: The model server, past the breaker: what a shadow version does is no news of the server.
            releases: Which version is the shadow, and of how many requests.
            metrics: Where it is counted.
            busy: Whether users' work is under way.
            away: Whether the model server is away.
            chance: From 0 to 1, evenly.
        """
        self._places = settings.shadow_inflight
        self._asker = Asker(settings, client)
        self._budget = Budget(settings.shadow_bytes)
        self._releases = releases
        self._metrics = metrics
        self._busy = busy
        self._away = away
        self._chance = chance
        self._lanes: dict[str, Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._answered_s = float("-inf")

    @property
    def held_bytes(self) -> int:
        """Bytes that copies hold."""
        return self._budget.held_bytes

    def offer(self, answer: Answer, question: Question, pixels: Sequence[Pixels]) -> None:
        """Takes note of an answered request, and copies it if it is its turn. Returns at once and never raises.

        Not copied are answers of the shadow version itself, and requests that

        - name a version or a label: their callers chose who sees their pictures, and are often tests rather than users;
        - ask for heatmaps, which cost many times an answer.
        """
        self._answered_s = time.monotonic()
        try:
            self._offer(answer, question, pixels)
        except Exception:
            _log.exception("A request could not be copied to the shadow version")

    async def close(self) -> None:
        """Gives up the copies that wait or are under way; none of them is counted."""
        if self._timer is not None:
            self._timer.cancel()
        ending = [task for lane in self._lanes.values() for task in lane.close()]
        self._lanes.clear()
        await asyncio.gather(*ending, return_exceptions=True)
        self._asker.close()

    def _offer(self, answer: Answer, question: Question, pixels: Sequence[Pixels]) -> None:
        resolved, wanted = answer.resolved, question.wanted
        release = self._releases.model(resolved.model)
        if release is None or release.shadow is None or release.shadow == resolved.version:
            return
        if wanted.version is not None or wanted.label is not None or question.explain:
            return
        # By chance, so that no rhythm in what clients send decides which of them are compared.
        if self._chance() * 100 >= release.shadow_percent:
            return
        lane = self._lane(resolved.model, release.shadow)
        if lane.full:
            lane.count(resolved.version, "dropped")
            return
        copy = copy_of(answer, question, pixels, lane.wanted)
        if copy is not None:
            lane.join(copy)
            self._look_later()

    def _lane(self, model: str, shadow: int) -> Lane:
        lane = self._lanes.get(model)
        if lane is None or lane.version != shadow:
            if lane is not None:
                lane.close()
            lane = Lane(model, shadow, self._asker, self._budget, self._metrics, places=self._places)
            self._lanes[model] = lane
        return lane

    def _look_later(self) -> None:
        if self._timer is None and any(lane.waiting for lane in self._lanes.values()):
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        self._begin()
        self._look_later()

    def _users_about(self) -> bool:
        return self._busy() or time.monotonic() - self._answered_s < QUIET_S

    def _begin(self) -> None:
        for model, lane in list(self._lanes.items()):
            release = self._releases.model(model)
            if release is None or release.shadow != lane.version or release.shadow_percent == 0:
                lane.close()
                del self._lanes[model]
            elif not self._away():
                lane.begin(busy=self._users_about(), ended=self._begin)
