"""The JSON of a REST request: the document, its signature name, and the tensors of a Predict.

TensorFlow Serving's parser is strict about shape and type. Here a regular request is converted whole, by C code inside
Python and numpy; only one that does not fit is walked again by `mistakes`, to name the first mistake in it.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from serving.model_server import tf
from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.servable import Tensors
from serving.model_server.rest import mistakes, show, syntax

_FLOATS = {types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16}
_BASE64 = re.compile(r"([A-Za-z0-9+/]*)(={0,2})")
_LONE_SURROGATE = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F])"
)
_MOST_DIMENSIONS = 64


@dataclass(frozen=True)
class Document:
    """A request's content.

    Attributes:
        members: The parsed object.
        body: Its text.
    """

    members: Mapping[str, Any]
    body: bytes

    def check_numbers(self) -> None:
        """Raises InvalidArgument if a number is beyond a double, which Python reads as an infinite one."""
        # Once, however many infinite numbers there are.
        _ = self._numbers_checked

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Within, an integer that no double holds is refused for that, whatever else is wrong."""
        try:
            yield
        except OverflowError:
            self.check_numbers()
            raise

    @cached_property
    def _numbers_checked(self) -> bool:
        syntax.parse(self.body)
        return True


@dataclass(frozen=True, slots=True)
class PredictBody:
    """A parsed request.

    Attributes:
        inputs: Arrays by input name.
        by_row: True for ``instances``, which are answered by ``predictions``; False for ``inputs`` and ``outputs``.
    """

    inputs: Tensors
    by_row: bool


def parse(body: bytes) -> Document:
    """The document.

    Raises:
        InvalidArgument: No JSON, or no object.
    """
    try:
        # Bytes that are no UTF-8 reach the model as they are.
        members = json.loads(body.decode("utf-8-sig", "surrogateescape"))
        if b"\\u" in body and _LONE_SURROGATE.search(body):
            members = syntax.parse(body)
    except (ValueError, RecursionError):
        members = syntax.parse(body)
    document = Document(members, body)
    if not isinstance(members, dict):
        with document.exact():
            raise InvalidArgument(f"JSON Value: {show.value(members)} Is not object")
    return document


def signature_name(document: Document) -> str:
    """The signature asked for; empty for the default one. Raises InvalidArgument if it is no string."""
    name = document.members.get("signature_name", "")
    if not isinstance(name, str):
        with document.exact():
            raise InvalidArgument(
                f"JSON Value: {show.value(document.members)} not formatted correctly. "
                "'signature_name' key must be a string value."
            )
    return name


def predict_body(document: Document, infos: Mapping[str, Any]) -> PredictBody:
    """The tensors of a document.

    Args:
        document: What `parse` gave.
        infos: The signature's inputs: ``TensorInfo`` by name.

    Raises:
        InvalidArgument: Neither or both of ``instances`` and ``inputs``, or values that do not fit the signature.
        Unimplemented: An input of a dtype that JSON has no values for.
    """
    members = document.members
    by_row = "instances" in members
    with document.exact():
        if by_row == ("inputs" in members):
            raise mistakes.no_tensors(members, both=by_row)
        inputs = _rows(members, infos) if by_row else _columns(members["inputs"], infos)
    if any(array.dtype.kind in "fV" and np.isinf(array).any() for array in inputs.values()):
        document.check_numbers()
    return PredictBody(inputs, by_row)


def _rows(members: Mapping[str, Any], infos: Mapping[str, Any]) -> Tensors:
    instances = members["instances"]
    mistakes.check_instances(members, len(infos))
    if mistakes.is_named(instances[0]):
        whole = all(mistakes.is_named(one) and one.keys() == infos.keys() for one in instances)
        columns = {name: [one[name] for one in instances] for name in infos} if whole else None
    else:
        columns = {next(iter(infos)): instances}
    inputs = {} if columns is None else {name: _dense(values, infos[name].dtype) for name, values in columns.items()}
    complete = {name: array for name, array in inputs.items() if array is not None}
    if len(complete) != len(infos):
        raise mistakes.in_instances(instances, infos)
    return complete


def _columns(inputs: Any, infos: Mapping[str, Any]) -> Tensors:
    if not mistakes.is_named(inputs):
        if len(infos) > 1:
            raise InvalidArgument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        inputs = {next(iter(infos)): inputs}
    arrays: Tensors = {}
    for name, info in infos.items():
        if name not in inputs:
            raise InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
        array = _dense(inputs[name], info.dtype)
        if array is None:
            raise mistakes.in_value(inputs[name], name, info.dtype)
        arrays[name] = array
    return arrays


def _dense(value: Any, dtype: int) -> NDArray[Any] | None:
    """The array of a JSON value, or None if it is ragged or of another type."""
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        if set(map(type, level)) != {list}:
            return None
        sizes = set(map(len, level))
        if len(sizes) != 1:
            return None
        shape.append(sizes.pop())
        level = list(itertools.chain.from_iterable(level))
    if len(shape) > _MOST_DIMENSIONS:
        return None
    values = _values(level, dtype)
    return None if values is None else values.reshape(shape)


def _values(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    """A flat list as an array, or None if a value is not of the type."""
    types = set(map(type, flat))
    if dtype == types_pb2.DT_STRING:
        return _strings(flat) if types <= {str, dict} else None
    if dtype == types_pb2.DT_BOOL:
        return np.array(flat, bool) if types <= {bool} else None
    if dtype in _FLOATS:
        return _floats(flat, dtype) if types <= {int, float} else None
    if mistakes.has_no_values(dtype) or not types <= {int}:
        return None
    return _integers(flat, dtype)


def _floats(flat: list[Any], dtype: int) -> NDArray[Any]:
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:
        # An integer beyond a double; infinite, as a decimal number would be.
        wide = np.full(len(flat), np.inf)
    with np.errstate(over="ignore"):
        narrow: NDArray[Any] = wide.astype(_numpy_dtype(dtype))
    return narrow


@cache
def _numpy_dtype(dtype: int) -> Any:
    return tf.as_dtype(dtype).as_numpy_dtype


def _integers(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    low, high = mistakes.integer_range(dtype)
    try:
        wide = np.array(flat, np.uint64 if dtype == types_pb2.DT_UINT64 else np.int64)
    except OverflowError:
        return None
    if wide.size and (wide.min() < low or wide.max() > high):
        return None
    # TensorFlow Serving reads the small types as int32 and lets them wrap.
    return wide.astype(_numpy_dtype(dtype))


def _strings(flat: list[Any]) -> NDArray[Any] | None:
    array = np.empty(len(flat), object)
    for position, value in enumerate(flat):
        if isinstance(value, str):
            array[position] = raw_bytes(value)
        elif mistakes.is_base64(value):
            array[position] = decode_base64(value["b64"])
        else:
            return None
    return array


def raw_bytes(text: str) -> bytes:
    """The bytes of a string, as they were sent."""
    return text.encode("utf-8", "surrogateescape")


def decode_base64(text: str) -> bytes:
    """The bytes of a base64 string, in which spaces and a missing padding are allowed.

    Raises:
        InvalidArgument: It is none.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    match = _BASE64.fullmatch("".join(text.split()))
    if match is None or len(match[1]) % 4 == 1 or match[2] not in ("", "=" * (-len(match[1]) % 4)):
        raise InvalidArgument("Unable to base64 decode")
    return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4))
