"""A thread that takes calls from a completion queue of its own and answers them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakSet

from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

from serving.model_server.grpc_api.admission import Admission
from serving.model_server.grpc_api.direct_call import Call, too_many

_LOG = logging.getLogger(__name__)
_NO_FLAGS = 0
# A message mostly comes with its call. A thread that waits longer, for a large one or a client that never sends it,
# takes other calls meanwhile; those may then have to wait for each other.
_PATIENCE_S = 0.1


class Worker:
    """Takes calls from a queue of its own and answers them, in one thread.

    The tag of an event is what to do with it. It holds the call: one that nobody holds any more would be cancelled.
    """

    def __init__(
        self,
        queue: Any,
        ask: Callable[[Any], None],
        respond: Callable[[Call], bytes],
        admission: Admission[Call],
        move: Callable[[int], None],
    ) -> None:
        self._queue = queue
        self._request_call = ask
        self._respond = respond
        self._admission = admission
        self._move = move
        self._at_the_door = True
        self._asked = False
        self._stopping = False
        # Weak: an event that does not fit into memory is lost, and its call with it.
        self._without_message: WeakSet[Call] = WeakSet()
        self._due = 0
        self._turns: deque[Call] = deque()

    def work(self) -> None:
        """Until the server stops."""
        self._come_back()
        while self._asked or self._due or self._turns:
            try:
                self._handle(self._queue.poll(self._patience_ends()))
                self._take_turn()
            except Exception:
                _LOG.exception("a gRPC call broke")

    def _patience_ends(self) -> float | None:
        if self._turns:
            return time.time()
        return None if self._asked or self._stopping else time.time() + _PATIENCE_S

    def _handle(self, event: Any) -> None:
        if event.tag is None:
            self._come_back()
        else:
            event.tag(event)

    def _take_turn(self) -> None:
        """Runs a call, if it is to; the next may be one that waited, which another thread has read."""
        if not self._turns:
            return
        try:
            self._turns.popleft().answer(self._respond)
        finally:
            following = self._admission.leave()
            if following is not None:
                following.waited = True
                self._turns.append(following)
            self._come_back()

    def _leave_the_door(self) -> None:
        if self._at_the_door:
            self._at_the_door = False
            self._move(-1)

    def _come_back(self) -> None:
        """Asks for a further call, unless there are some to run or the server is stopping."""
        if self._turns:
            return
        if not self._asked and not self._stopping:
            try:
                self._request_call(self._arrived)
                self._asked = True
            except ValueError:
                self._stopping = True
        if not self._at_the_door:
            self._at_the_door = True
            self._move(1)

    def _arrived(self, event: Any) -> None:
        self._asked = False
        if not event.success:
            self._stopping = True
            return
        call = Call(event, self._sent)
        self._due += 1
        if self._admission.full():
            call.answer(too_many)
            self._come_back()
            return
        call.core.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), partial(self._received, call))
        self._without_message.add(call)
        if len(self._without_message) == 1:
            self._leave_the_door()
        else:
            self._come_back()

    def _received(self, call: Call, event: Any) -> None:
        self._without_message.discard(call)
        self._leave_the_door()
        call.message = event.batch_operations[0].message()
        admitted = self._admission.enter(call)
        if admitted:
            self._turns.append(call)
        elif admitted is None:
            call.answer(too_many)
        else:
            self._due += 1
            operation = cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS)
            call.core.start_server_batch((operation,), partial(self._closed, call))
        self._come_back()

    def _closed(self, call: Call, event: Any) -> None:
        """A call that waited, or still waits, has ended; perhaps because its caller has gone."""
        self._due -= 1
        call.cancelled = bool(event.batch_operations[0].cancelled())
        if call.cancelled and self._admission.withdraw(call):
            self._due -= 1

    def _sent(self, _call: Call, _event: Any) -> None:
        self._due -= 1
