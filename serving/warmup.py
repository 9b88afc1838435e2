"""The requests that a model server replays before a version takes traffic: whether their file is whole.

A damaged one makes the version's load fail. It is a TFRecord file: of each record its length, that number's checksum,
the record and its checksum (tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from contract import wire_pb2 as wire
from serving.saved_model import Files, Read

FILE = "assets.extra/tf_serving_warmup_requests"
_CHECKSUM_BYTES = 4
_LENGTH_BYTES = 8
_HEAD_BYTES = _LENGTH_BYTES + _CHECKSUM_BYTES


class WarmupError(ValueError):
    """A file of warm-up requests that a model server could not replay."""


def check(files: Files, read: Read) -> str:
    """What there is to say of a version's warm-up requests. Raises WarmupError if they are damaged."""
    if FILE not in files:
        return "none: the first requests will be slow"
    requests = read_requests(read(FILE))
    return f"{len(requests)} requests"


def read_requests(content: bytes) -> list[wire.PredictionLog]:
    """The requests in the file.

    Raises:
        WarmupError: It was cut short, or is no such file.
    """
    requests: list[wire.PredictionLog] = []
    at = 0
    while at < len(content):
        start = at + _HEAD_BYTES
        end = start + int.from_bytes(content[at : at + _LENGTH_BYTES], "little")
        if end + _CHECKSUM_BYTES > len(content):
            raise WarmupError(
                f"Expected {FILE} to be whole records. Received: {len(content)} bytes that end within record "
                f"{len(requests) + 1}"
            )
        try:
            requests.append(wire.PredictionLog.FromString(content[start:end]))
        except DecodeError:
            raise WarmupError(
                f"Expected requests in {FILE}. Received: something else in record {len(requests) + 1}"
            ) from None
        at = end + _CHECKSUM_BYTES
    return requests
