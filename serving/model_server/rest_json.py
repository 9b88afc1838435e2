"""The JSON of a REST Predict request: the document, its signature name, and its tensors.

TensorFlow Serving's parser is strict about shape and type. Here a regular request is converted whole, by C code inside
Python and numpy; only one that does not fit is walked again by `rest_mistakes`, to name the first mistake in it.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from serving.model_server import rest_mistakes as mistakes
from serving.model_server import tf
from serving.model_server.errors import InvalidArgument
from serving.model_server.servable import Tensors

_FLOATS = {types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16}
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True)
class PredictBody:
    """A parsed request.

    Attributes:
        inputs: Arrays by input name.
        by_row: True for ``instances``, which are answered by ``predictions``; False for ``inputs`` and ``outputs``.
    """

    inputs: Tensors
    by_row: bool


def parse(body: bytes) -> dict[str, Any]:
    """The document.

    Raises:
        InvalidArgument: No JSON, or no object.
    """
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text)
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidArgument(mistakes.syntax(error)) from None
    except RecursionError:
        raise InvalidArgument("JSON Parse error: The document is nested too deep. at offset: 0") from None
    if not isinstance(document, dict):
        raise InvalidArgument(f"JSON Value: {mistakes.show(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature asked for; empty for the default one. Raises InvalidArgument if it is no string."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgument(
            f"JSON Value: {mistakes.show(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def predict_body(document: Mapping[str, Any], infos: Mapping[str, Any]) -> PredictBody:
    """The tensors of a document.

    Args:
        document: What `parse` gave.
        infos: The signature's inputs: ``TensorInfo`` by name.

    Raises:
        InvalidArgument: Neither or both of ``instances`` and ``inputs``, or values that do not fit the signature.
    """
    by_row = "instances" in document
    if by_row == ("inputs" in document):
        if not by_row:
            raise InvalidArgument("Missing 'inputs' or 'instances' key")
        raise InvalidArgument(
            f"JSON Value: {mistakes.show(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if by_row:
        return PredictBody(_rows(document, infos), by_row=True)
    return PredictBody(_columns(document["inputs"], infos), by_row=False)


def _rows(document: Mapping[str, Any], infos: Mapping[str, Any]) -> Tensors:
    instances = document["instances"]
    mistakes.check_instances(document, len(infos))
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
            raise mistakes.in_value(inputs[name], info.dtype)
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
    values = _values(level, dtype)
    return None if values is None else values.reshape(shape)


def _values(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    """A flat list as an array, or None if a value is not of the type or would lose precision."""
    types = set(map(type, flat))
    if dtype == types_pb2.DT_STRING:
        return _strings(flat) if types <= {str, dict} else None
    if dtype == types_pb2.DT_BOOL:
        return np.array(flat, bool) if types <= {bool} else None
    if dtype in _FLOATS:
        return _floats(flat, dtype) if types <= {int, float} else None
    return _integers(flat, dtype) if types <= {int} else None


def _floats(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    target = tf.as_dtype(dtype).as_numpy_dtype
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:
        return None
    if any(mistakes.is_lossy(value, dtype) for value in flat if type(value) is int):
        return None
    largest = mistakes.largest_float(dtype)
    if np.any(np.isfinite(wide) & (np.abs(wide) > largest)):
        return None
    narrow: NDArray[Any] = wide.astype(target)
    return narrow


def _integers(flat: list[Any], dtype: int) -> NDArray[Any] | None:
    low, high = mistakes.integer_range(dtype)
    if flat and (min(flat) < low or max(flat) > high):
        return None
    wide = np.array(flat, np.uint64 if dtype == types_pb2.DT_UINT64 else np.int64)
    # TensorFlow Serving reads the small types as int32 and lets them wrap.
    return wide.astype(tf.as_dtype(dtype).as_numpy_dtype)


def _strings(flat: list[Any]) -> NDArray[Any] | None:
    array = np.empty(len(flat), object)
    for position, value in enumerate(flat):
        if isinstance(value, str):
            array[position] = value.encode()
        elif mistakes.is_base64(value):
            array[position] = _decode_base64(value["b64"])
        else:
            return None
    return array


def _decode_base64(text: str) -> bytes:
    compact = "".join(text.split())
    unpadded = compact.rstrip("=")
    if not _BASE64.fullmatch(compact):
        raise InvalidArgument("Unable to base64 decode")
    try:
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4))
    except binascii.Error:
        raise InvalidArgument("Unable to base64 decode") from None
