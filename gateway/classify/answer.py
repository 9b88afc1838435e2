"""What goes into a classification and what comes out of it, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contract.card import ModelCard
from contract.messages import Metadata
from gateway.versions.resolve import Resolved, Wanted
from gateway.versions.trail import Trail

KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file has no prediction: a stable code for programs, a message for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came.

    Attributes:
        filename: For the answer.
        data: Its bytes.
        refusal: Why there are none to decode, if that is known before.
    """

    filename: str
    data: bytes
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about the pictures of a request.

    Attributes:
        wanted: Which version is to answer.
        explain: True for a heatmap of each picture.
        request_id: The request's, for the model server's logs.
        trace: gRPC metadata of the request's trace.
        client: Who asks: the API key's name, else the address.
        trail: Takes note of the versions that are asked.
    """

    wanted: Wanted
    explain: bool = False
    request_id: str = ""
    trace: Metadata = ()
    client: str = ""
    trail: Trail = field(default_factory=Trail)


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of one picture.

    Attributes:
        probabilities: float32 [K], in the order of the card's labels.
        heatmap: float32 [h, w] from 0 to 1, if one was asked for.
        known: False if the picture shows none of the classes by the card's threshold; None if the card has none.
        confidence: The largest probability, found for a whole batch at once; None if nobody looked.
        top: The place of its class among the card's labels, likewise.
    """

    probabilities: NDArray[np.float32]
    heatmap: NDArray[np.float32] | None = None
    known: bool | None = None
    confidence: float | None = None
    top: int | None = None


Result = Scores | Refusal


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of a request's time, for its trace.

    Attributes:
        name: decode, queue, predict or render.
        began: By `time.perf_counter`.
        ended: By the same clock.
        pictures: How many it was about.
    """

    name: str
    began: float
    ended: float
    pictures: int


def covered_s(stages: Iterable[Stage]) -> float:
    """Seconds in which one stage or several were under way."""
    seconds = until = 0.0
    for stage in sorted(stages, key=lambda one: one.began):
        seconds += max(0.0, stage.ended - max(stage.began, until))
        until = max(until, stage.ended)
    return seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes:
        resolved: The version that answered.
        card: Its card.
        uploads: What was uploaded.
        results: One for each upload, in its order.
        decode_ms: Milliseconds for which decoding held the request up.
        queue_ms: Milliseconds that pictures waited for their turn at the model server, the longest wait.
        predict_ms: Milliseconds in which the model server was asked, waiting included; not those of a slow upload.
        retries: How often another version had to be found.
        stages: When decoding, waiting and predicting happened; several of a kind where calls went side by side.
    """

    resolved: Resolved
    card: ModelCard
    uploads: tuple[Upload, ...]
    results: tuple[Result, ...]
    decode_ms: float = 0.0
    queue_ms: float = 0.0
    predict_ms: float = 0.0
    retries: int = 0
    stages: tuple[Stage, ...] = ()
