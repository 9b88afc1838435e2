"""What can go wrong in the core, in TensorFlow's own terms. Neither gRPC nor HTTP is known here.

ServerError
|-- InvalidArgument      the request makes no sense, whatever the state of the server
|-- NotFound             no such model or version, or it is not loaded
|-- FailedPrecondition   the state of the server or of the model forbids it
|-- DeadlineExceeded     no result in time
|-- ResourceExhausted    out of memory or of a quota
|-- Unavailable          try again later: a queue is full, or the server is stopping
|-- Unimplemented        not offered by this server
|-- Cancelled            given up by the caller
|-- Aborted              given up by the model
|-- OutOfRange           past the end of what the model reads
|-- AlreadyExists        the model makes what is there already
|-- PermissionDenied     a file may not be read
|-- DataLoss             a file is damaged
|-- Internal             a fault of this server
`-- Unknown              anything else
"""

from __future__ import annotations

from typing import ClassVar


class ServerError(Exception):
    """A request or a load that failed; the message is the one that TensorFlow Serving gives."""

    status: ClassVar[str] = "UNKNOWN"
    """The canonical status name, as it appears in texts such as ``INVALID_ARGUMENT: …``."""

    @property
    def described(self) -> str:
        """Status and message in one line of text."""
        return f"{self.status}: {self}"


class InvalidArgument(ServerError):
    """The request makes no sense, whatever the state of the server."""

    status = "INVALID_ARGUMENT"


class NotFound(ServerError):
    """No such model or version, or it is not loaded."""

    status = "NOT_FOUND"


class FailedPrecondition(ServerError):
    """The state of the server or of the model forbids it."""

    status = "FAILED_PRECONDITION"


class DeadlineExceeded(ServerError):
    """No result in time."""

    status = "DEADLINE_EXCEEDED"


class ResourceExhausted(ServerError):
    """Out of memory or of a quota."""

    status = "RESOURCE_EXHAUSTED"


class Unavailable(ServerError):
    """Try again later: a queue is full, or the server is stopping."""

    status = "UNAVAILABLE"


class Unimplemented(ServerError):
    """Not offered by this server."""

    status = "UNIMPLEMENTED"


class Cancelled(ServerError):
    """Given up by the caller."""

    status = "CANCELLED"


class Aborted(ServerError):
    """Given up by the model."""

    status = "ABORTED"


class OutOfRange(ServerError):
    """Past the end of what the model reads."""

    status = "OUT_OF_RANGE"


class AlreadyExists(ServerError):
    """The model makes what is there already."""

    status = "ALREADY_EXISTS"


class PermissionDenied(ServerError):
    """A file may not be read."""

    status = "PERMISSION_DENIED"


class DataLoss(ServerError):
    """A file is damaged."""

    status = "DATA_LOSS"


class Internal(ServerError):
    """A fault of this server."""

    status = "INTERNAL"


class Unknown(ServerError):
    """Anything else."""

    status = "UNKNOWN"
