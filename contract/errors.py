"""What can go wrong when a model server is asked.

ServingError
|-- ModelServerUnavailable   nobody answers at the address, or it left during the call (after retries)
|-- DeadlineExceeded         no answer in time
|-- Overloaded               the server or its queue is full (after retries)
|-- ServableNotFound         no such model, version or label, or not loaded
|-- InvalidRequest           the server understood and refused: wrong input, signature, shape
|-- PreconditionFailed       the server's state forbids it, for instance a label on a version that is not loaded
`-- ModelServerFault         the server or the model broke
"""

from __future__ import annotations

import re

import grpc


class ServingError(Exception):
    """A request that a model server did not answer; the message is the server's own."""


class ModelServerUnavailable(ServingError):
    """Nobody answers at the address, or the server left during the call."""


class DeadlineExceeded(ServingError):
    """No answer in time."""


class Overloaded(ServingError):
    """The server's threads or its batching queue are full."""


class ServableNotFound(ServingError):
    """No such model, version or label, or it is not loaded."""


class InvalidRequest(ServingError):
    """The server understood the request and refused it."""


class PreconditionFailed(ServingError):
    """The state of the server or the model forbids it."""


class ModelServerFault(ServingError):
    """The server or the model broke while answering."""


_BY_CODE: dict[grpc.StatusCode, type[ServingError]] = {
    grpc.StatusCode.UNAVAILABLE: ModelServerUnavailable,
    # By the server, that is, in the moment of its end; what we cancel ourselves never comes here.
    grpc.StatusCode.CANCELLED: ModelServerUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
}
# What the official server says of models, versions and labels that it does not serve; of a label with INVALID_ARGUMENT.
# A NOT_FOUND in other words is the model's own, of a table or a file that it looks for: a fault like any other.
_NOT_SERVED = re.compile(
    r"Servable not found for request|Could not find (any versions|version -?\d+) of model|"
    r"Unrecognized servable version label"
)


def from_grpc(error: grpc.RpcError) -> ServingError:
    """The one place where a gRPC error becomes one of ours."""
    code, details = error.code(), error.details() or ""
    if _NOT_SERVED.match(details):
        return ServableNotFound(details)
    return _BY_CODE.get(code, ModelServerFault)(details or code.name)
