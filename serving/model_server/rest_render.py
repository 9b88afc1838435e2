"""The JSON of a REST Predict response, number for number as TensorFlow Serving writes it."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.model_server.errors import InvalidArgument
from serving.model_server.servable import Tensors

_BYTES_SUFFIX = "_bytes"


def predictions(outputs: Tensors) -> str:
    """The answer to ``instances``: a list with a row for each of them.

    Raises:
        InvalidArgument: Outputs without a common first dimension.
    """
    rows: dict[str, list[str]] = {}
    for name in sorted(outputs):
        array = outputs[name]
        if array.ndim == 0:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        expected = len(next(iter(rows.values()), [""] * array.shape[0]))
        if array.shape[0] != expected:
            raise InvalidArgument(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {expected}"
            )
        rows[name] = _nested(name, array, outermost=1)
    items = (_joined(dict(zip(rows, row, strict=True))) for row in zip(*rows.values(), strict=True))
    return f'{{"predictions": [{", ".join(items)}]}}'


def columns(outputs: Tensors) -> str:
    """The answer to ``inputs``: whole tensors."""
    tensors = {name: _nested(name, outputs[name], outermost=0)[0] for name in sorted(outputs)}
    return f'{{"outputs": {_joined(tensors)}}}'


def _joined(values: Mapping[str, str]) -> str:
    """Several outputs as an object by name; one stands alone."""
    if len(values) == 1:
        return next(iter(values.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in values.items()) + "}"


def _nested(name: str, array: NDArray[Any], *, outermost: int) -> list[str]:
    """The texts of an array's parts at the dimension `outermost`."""
    texts = _scalars(name, array)
    for axis in reversed(range(outermost, array.ndim)):
        size, count = array.shape[axis], math.prod(array.shape[:axis])
        texts = ["[" + ", ".join(texts[at * size : (at + 1) * size]) + "]" for at in range(count)]
    return texts


def _scalars(name: str, array: NDArray[Any]) -> list[str]:
    if array.dtype.kind in "OS":
        as_bytes = name.endswith(_BYTES_SUFFIX)
        return [_string(value, as_bytes=as_bytes) for value in array.ravel().tolist()]
    if array.dtype.kind == "b":
        return ["true" if value else "false" for value in array.ravel().tolist()]
    if array.dtype.kind in "iu":
        return list(map(str, array.ravel().tolist()))
    return _decimals(array.ravel())


def _string(value: bytes, *, as_bytes: bool) -> str:
    if as_bytes:
        return json.dumps({"b64": base64.b64encode(value).decode()})
    return json.dumps(value.decode(errors="replace"), ensure_ascii=False)


def _decimals(values: NDArray[Any]) -> list[str]:
    """Six digits where they give the same number again, else as many as it takes."""
    numbers = values.astype(np.float64).tolist()
    texts = [f"{number:.6g}" for number in numbers]
    digits = 17 if values.dtype == np.float64 else 9
    again = np.array(texts, np.float64).astype(values.dtype)
    for position in np.flatnonzero(again != values).tolist():
        texts[position] = f"{numbers[position]:.{digits}g}"
    return [_decimal(text) for text in texts]


def _decimal(text: str) -> str:
    named = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    if text in named:
        return named[text]
    return text if "." in text or "e" in text else f"{text}.0"
