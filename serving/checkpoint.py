"""How long the files of a checkpoint have to be, from its index, without TensorFlow.

``variables.index`` is a table of LevelDB: blocks of sorted keys and values, an index block with their places, and a
footer with the place of that one. Under the empty key lies a BundleHeaderProto with the number of data files, under
every other the BundleEntryProto of a tensor with its file, place and size
(tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import DecodeError

from contract import wire_pb2 as wire

_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_PLAIN = 0  # the kind of a block without compression, in the byte after it


class CheckpointError(ValueError):
    """An index that cannot be read."""


def shard_sizes(index: bytes) -> list[int]:
    """The least number of bytes that each data file must have, in the order of their numbers.

    Raises:
        CheckpointError: It is no index, or not a whole one.
    """
    try:
        entries = dict(_entries(index))
        header = wire.BundleHeaderProto.FromString(entries.pop(b""))
        sizes = [0] * header.num_shards
        for value in entries.values():
            entry = wire.BundleEntryProto.FromString(value)
            sizes[entry.shard_id] = max(sizes[entry.shard_id], entry.offset + entry.size)
    except (IndexError, KeyError, DecodeError):
        raise CheckpointError(f"Expected the index of a checkpoint. Received: {len(index)} bytes, damaged") from None
    return sizes


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not table.endswith(_MAGIC):
        raise CheckpointError(f"Expected the index of a checkpoint. Received: {len(table)} bytes without its end")
    # Before the place of the index block stands that of a block of filters, of which there are none.
    _, _, at = _place(table, len(table) - _FOOTER_BYTES)
    start, size, _ = _place(table, at)
    for _, place in _block(table, start, size):
        start, size, _ = _place(place, 0)
        yield from _block(table, start, size)


def _block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block; a key is written as what differs from the one before."""
    block, kind = table[start : start + size], table[start + size]
    if kind != _PLAIN:
        raise CheckpointError(f"Expected blocks without compression. Received: kind {kind}")
    restarts = int.from_bytes(block[-4:], "little")
    end, at, key = len(block) - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        unshared, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared + length
        yield key, block[at - length : at]


def _place(data: bytes, at: int) -> tuple[int, int, int]:
    """Where a block begins, its size, and where the next such pair stands."""
    start, at = _varint(data, at)
    size, at = _varint(data, at)
    return start, size, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a place, and the place after it."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
