"""What is known of a request being answered."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from contract.messages import Metadata
from gateway.classify.answer import Answer, Stage
from gateway.versions.resolve import Resolved
from gateway.versions.trail import Trail


@dataclass(slots=True)
class RequestRecord:
    """One request.

    Attributes:
        request_id: The client's own, or a new one.
        method: HTTP's.
        path: As asked for, without the query, which may hold what is nobody's business.
        client: The address that asks, seen through trusted proxies.
        key_name: The name of the API key, never the key.
        started: By `time.perf_counter`.
        started_ns: The same moment in nanoseconds since 1970.
        route: The rule that answers, never the path, which a client chooses.
        quiet: True if it is news only when it fails.
        received_bytes: Of its body.
        answer: What was found out, if it was a classification.
        trail: The versions that were asked for it.
        begun: The version that the first line of a streamed answer names; a later one may come from another.
        rendered: When the answer was written down.
        code: The error's code, if it was one.
        span: Of its trace, if traces are on.
        trace: What calls on its behalf take along, so that they belong to its trace.
    """

    request_id: str
    method: str = ""
    path: str = ""
    client: str = ""
    key_name: str | None = None
    started: float = field(default_factory=time.perf_counter)
    started_ns: int = field(default_factory=time.time_ns)
    route: str = "none"
    quiet: bool = False
    received_bytes: int = 0
    answer: Answer | None = None
    trail: Trail | None = None
    begun: Resolved | None = None
    rendered: Stage | None = None
    code: str | None = None
    span: Any = None
    trace: Metadata = ()

    @property
    def caller(self) -> str:
        """Who asks: the API key's name, else the address."""
        return self.key_name or self.client

    @property
    def resolved(self) -> Resolved | None:
        """Who answers, as the headers tell it: of an error, the version that was asked last."""
        return self.begun or (self.trail.resolved if self.trail else None)
