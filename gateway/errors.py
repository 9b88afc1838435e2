"""What the gateway answers when it cannot answer, and the one table from errors to HTTP.

    GatewayError
    |-- NoImage            a request without pictures
    |-- TooManyImages      more pictures than allowed
    |-- EveryImageBad      no picture of the request could be read; carries each one's reason
    |   `-- EveryImageTooLarge
    |-- BadBody            a body that breaks the rules of its content type
    |-- BodyTooLarge       more bytes than allowed
    |-- TooManyParts       a form of more or larger parts than allowed
    |-- UploadStalled      nothing of the request arrived for a while, or far too little
    |-- ClientGone         the client hung up: nobody will read the answer
    |-- BadOption          an option that makes no sense
    |-- UnsupportedBody    a body of a kind that is not read
    |-- MethodNotAllowed   an address that does not take this method
    |-- NotAcceptable      an answer wanted in a format that is not given
    |-- UnknownModel       no such model
    |-- UnknownVersion     no such version, or it is not loaded
    |-- UnknownLabel       no such label
    |-- UnknownSample      no such picture to try a model with
    |-- NotReady           a model that is known but has no loaded version
    |-- Busy               as many requests as allowed are being answered already
    |   `-- RateLimited      the client sent as many pictures as it may for now
    |-- Unauthorized       no API key, or one that is nobody's
    `-- BadModelAnswer     the model answered with something that makes no sense

Beside these stands `contract.errors.ServingError`, what the model server did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.card import CardError
from contract.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelServerFault,
    ModelServerUnavailable,
    Overloaded,
    PreconditionFailed,
    ServableNotFound,
    ServingError,
)
from contract.tensors import TensorError

if TYPE_CHECKING:
    from gateway.classify.answer import Answer


class GatewayError(Exception):
    """A request that the gateway refuses; the message is for people."""


class NoImage(GatewayError):
    """A request without pictures."""


class TooManyImages(GatewayError):
    """More pictures than allowed."""


class EveryImageBad(GatewayError):
    """No picture of the request could be read; `answer` carries each one's reason."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class EveryImageTooLarge(EveryImageBad):
    """Every picture of the request has more bytes than allowed."""


class BadBody(GatewayError):
    """A body that breaks the rules of its content type."""


class BodyTooLarge(GatewayError):
    """More bytes than allowed."""


class TooManyParts(GatewayError):
    """A form of more or larger parts than allowed."""


class UploadStalled(GatewayError):
    """Nothing of the request arrived for a while, or far too little."""


class ClientGone(GatewayError):
    """The client hung up: nobody will read the answer."""


class BadOption(GatewayError):
    """An option that makes no sense."""


class UnsupportedBody(GatewayError):
    """A body of a kind that is not read."""


class MethodNotAllowed(GatewayError):
    """An address that does not take this method."""


class NotAcceptable(GatewayError):
    """An answer wanted in a format that is not given."""


class UnknownModel(GatewayError):
    """No such model."""


class UnknownVersion(GatewayError):
    """No such version, or it is not loaded."""


class UnknownLabel(GatewayError):
    """No such label."""


class UnknownSample(GatewayError):
    """No such picture to try a model with."""


class NotReady(GatewayError):
    """A model that is known but has no loaded version."""


class Busy(GatewayError):
    """As many requests as allowed are being answered already; `retry_after_s` says when to try again."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(Busy):
    """The client sent as many pictures as it may for now."""


class Unauthorized(GatewayError):
    """A request without an API key, or with one that is nobody's."""


class BadModelAnswer(GatewayError):
    """The model answered with something that makes no sense, for instance more probabilities than it has labels."""


@dataclass(frozen=True)
class Outcome:
    """How an error is told over HTTP.

    Attributes:
        status: The HTTP status.
        code: A stable word for programs.
        message: For people; the error's own if empty. A server's own words may hold addresses and paths, not for
            everybody's eyes.
        retry_after_s: The ``Retry-After`` header, if trying again makes sense.
    """

    status: int
    code: str
    message: str = ""
    retry_after_s: int | None = None


OUTCOMES: dict[type[Exception], Outcome] = {
    NoImage: Outcome(400, "no_image"),
    BadBody: Outcome(400, "bad_body"),
    BodyTooLarge: Outcome(413, "too_large"),
    TooManyParts: Outcome(413, "too_many_parts"),
    UploadStalled: Outcome(408, "upload_stalled"),
    # Nobody sees it but the log, where other servers write the same number.
    ClientGone: Outcome(499, "client_gone"),
    BadOption: Outcome(400, "bad_option"),
    UnsupportedBody: Outcome(415, "unsupported_body"),
    MethodNotAllowed: Outcome(405, "method_not_allowed"),
    NotAcceptable: Outcome(406, "not_acceptable"),
    UnknownModel: Outcome(404, "unknown_model"),
    UnknownVersion: Outcome(404, "unknown_version"),
    UnknownLabel: Outcome(404, "unknown_label"),
    UnknownSample: Outcome(404, "unknown_sample"),
    TooManyImages: Outcome(413, "too_many_images"),
    EveryImageTooLarge: Outcome(413, "too_large"),
    EveryImageBad: Outcome(422, "every_image_bad"),
    Busy: Outcome(429, "overloaded", retry_after_s=1),
    RateLimited: Outcome(429, "rate_limited", retry_after_s=1),
    Unauthorized: Outcome(401, "unauthorized"),
    NotReady: Outcome(503, "model_not_ready", retry_after_s=1),
    BadModelAnswer: Outcome(502, "bad_model_answer"),
    CardError: Outcome(
        502, "bad_model_card", "The model's card cannot be read. Its operator finds the reason in the log."
    ),
    TensorError: Outcome(502, "bad_model_answer", "The model server's answer cannot be read."),
    ModelServerUnavailable: Outcome(
        503, "model_server_unavailable", "The model server is not answering. Please try again in a moment.", 1
    ),
    DeadlineExceeded: Outcome(504, "deadline_exceeded", "There was no answer in the time that a request has."),
    Overloaded: Outcome(429, "overloaded", "The model server is busy. Please try again in a moment.", 1),
    ServableNotFound: Outcome(404, "unknown_model", "The model server has no such model, version or label."),
    InvalidRequest: Outcome(
        502, "model_refused", "The model refused the pictures. Its operator finds the reason in the log."
    ),
    PreconditionFailed: Outcome(
        502, "model_unusable", "The model lacks a signature that is needed. Its operator finds the reason in the log."
    ),
    ModelServerFault: Outcome(502, "model_server_fault", "The model server broke while answering."),
    ServingError: Outcome(502, "model_server_fault", "The model server broke while answering."),
}


# With it a browser asks for a name and a key; programs read that Bearer does as well.
CHALLENGE = 'Basic realm="Vitrine: name and API key", charset="UTF-8", Bearer realm="Vitrine"'
BUG = Outcome(500, "internal_error", "Something broke inside the gateway. Its operator finds the reason in the log.")


def outcome_of(error: Exception) -> Outcome | None:
    """The outcome of the error's nearest class in the table, or None if it is nobody's: a bug."""
    for kind in type(error).__mro__:
        if kind in OUTCOMES:
            found = OUTCOMES[kind]
            retry_after_s = getattr(error, "retry_after_s", found.retry_after_s)
            return Outcome(found.status, found.code, found.message or str(error), retry_after_s)
    return None


def headers_of(error: Exception, outcome: Outcome) -> list[tuple[str, str]]:
    """The headers that go with an error."""
    headers = []
    if outcome.retry_after_s is not None:
        headers.append(("Retry-After", str(outcome.retry_after_s)))
    if isinstance(error, MethodNotAllowed):
        headers.append(("Allow", "POST"))
    if isinstance(error, Unauthorized):
        headers.append(("WWW-Authenticate", CHALLENGE))
    return headers
