"""The one piece of protobuf's encoding that is written by hand, where messages would copy or convert every number.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations


def field_head(number: int, size: int) -> bytes:
    """What stands before a field of so many bytes: its number with the wire type LEN, and the size as a varint.

    Args:
        number: Of the field, at most 15.
        size: Bytes.
    """
    head = bytearray((number << 3 | 2,))
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head)
