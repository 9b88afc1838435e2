"""The JSON of a REST response, character for character as TensorFlow Serving writes it."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf import json_format
from numpy.typing import NDArray
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.model_server import messages, tf
from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.predict import dtype_name
from serving.model_server.inference.servable import Tensors
from serving.model_server.rest import show

_BYTES_SUFFIX = "_bytes"
_LINE = "\n"
_INDENT = "    "
# Looked at one by one in less time than numpy needs to begin.
_FEW = 64
_BLOCK = 2**16
# Twice the largest relative error of a number that is rounded to a float: no six digits further away give it again.
_HALF_A_FLOATS_DIGIT = 2.0**-23
_LEAST_NORMAL = 2.0**-126


def predictions(outputs: Tensors) -> str:
    """The answer to ``instances``: a list with a row for each of them.

    Raises:
        InvalidArgument: Outputs without a common first dimension, or of a dtype that JSON has no values for.
    """
    rows = _batch_size(outputs)
    alone = len(outputs) == 1
    # An array is on one line, but the objects in it are not.
    depth = 2 if alone else 3
    if alone:
        ((name, array),) = outputs.items()
        items = ", ".join(_joined(name, array, line=None, depth=depth, separator=", "))
        return f'{{\n    "predictions": [{items}{_LINE}    ]\n}}' if rows else '{\n    "predictions": []\n}'
    texts = {name: _nested(name, outputs[name], first=1, line=None, depth=depth) for name in sorted(outputs)}
    named = [
        _object(list(zip(texts, row, strict=True)), _LINE + 2 * _INDENT) for row in zip(*texts.values(), strict=True)
    ]
    return f'{{\n    "predictions": {_array(named, _LINE + _INDENT)}\n}}'


def columns(outputs: Tensors) -> str:
    """The answer to ``inputs``: whole tensors.

    Raises:
        InvalidArgument: No output at all, or one of a dtype that JSON has no values for.
    """
    _check_any(outputs)
    depth = 1 if len(outputs) == 1 else 2
    line = _LINE + depth * _INDENT
    texts = [(name, _whole(name, outputs[name], line, depth)) for name in sorted(outputs)]
    whole = texts[0][1] if len(texts) == 1 else _object(texts, _LINE + _INDENT)
    return f'{{\n    "outputs": {whole}\n}}'


def classifications(result: Any) -> str:
    """The answer to a Classify: for each example its pairs of label and score.

    Raises:
        InvalidArgument: There is none.
    """
    if not result.classifications:
        raise InvalidArgument("Cannot convert empty ClassificationResults to JSON")
    rows = []
    for one in result.classifications:
        scores = _decimals(np.array([found.score for found in one.classes], np.float32))
        pairs = [f"[{show.string(found.label)}, {score}]" for found, score in zip(one.classes, scores, strict=True)]
        rows.append(f"[{', '.join(pairs)}]")
    return f'{{\n    "results": [{", ".join(rows)}\n    ]\n}}'


def regressions(result: Any) -> str:
    """The answer to a Regress: a value for each example.

    Raises:
        InvalidArgument: There is none.
    """
    if not result.regressions:
        raise InvalidArgument("Cannot convert empty RegressionResults to JSON")
    values = _decimals(np.array([one.value for one in result.regressions], np.float32))
    return f'{{\n    "results": [{", ".join(values)}]\n}}'


def error(text: str) -> str:
    """The answer to a request that failed."""
    return f'{{\n    "error": {show.string(text)}\n}}'


def message(proto: Any) -> str:
    """A message as protobuf writes it."""
    text: str = json_format.MessageToJson(
        proto, indent=1, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return f"{text}\n"


def metadata(response: Any) -> str:
    """The answer to a GetModelMetadata: a ``GetModelMetadataResponse``."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[messages.SIGNATURE_DEF].Unpack(definitions)
    return (
        f'{{\n"model_spec":{message(response.model_spec)},\n'
        f'"metadata": {{"{messages.SIGNATURE_DEF}": {message(definitions)}}}\n}}\n'
    )


def _check_any(outputs: Tensors) -> None:
    if not outputs:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")


def _batch_size(outputs: Tensors) -> int:
    _check_any(outputs)
    size: int | None = None
    for name in sorted(outputs):
        array = outputs[name]
        if array.ndim == 0:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        if size is not None and array.shape[0] != size:
            raise InvalidArgument(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {size}"
            )
        size = array.shape[0]
    return size or 0


def _array(items: Sequence[str], line: str | None) -> str:
    """An array; `line` is a line break with the indentation of the array itself, or None for all on one line."""
    if line is None:
        return f"[{', '.join(items)}]"
    inner = line + _INDENT
    return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"


def _object(items: Sequence[tuple[str, str]], line: str) -> str:
    """An object, a member a line; `line` is a line break with the indentation of the object itself."""
    inner = line + _INDENT
    return f"{{{inner}{f',{inner}'.join(f'{show.string(name)}: {text}' for name, text in items)}{line}}}"


def _whole(name: str, array: NDArray[Any], line: str, depth: int) -> str:
    """The text of an array; `line` and `depth` as for `_nested`."""
    if array.ndim == 0:
        return _nested(name, array, first=0, line=line, depth=depth)[0]
    inner = line + _INDENT
    return _array(_joined(name, array, line=inner, depth=depth + 1, separator=f",{inner}"), line)


def _joined(name: str, array: NDArray[Any], *, line: str | None, depth: int, separator: str) -> list[str]:
    """The texts of an array's rows, many of them in each: a text for every number would take as much memory again."""
    count = max(_BLOCK // max(math.prod(array.shape[1:]), 1), 1)
    blocks = (array[start : start + count] for start in range(0, len(array), count))
    return [separator.join(_nested(name, block, first=1, line=line, depth=depth)) for block in blocks]


def _nested(name: str, array: NDArray[Any], *, first: int, line: str | None, depth: int) -> list[str]:
    """The texts of an array's parts at the dimension `first`.

    Args:
        name: The output's name, which tells bytes from text.
        array: The output.
        first: The dimension whose elements are the parts.
        line: A line break with the indentation of a part; None to put arrays on one line.
        depth: The number of brackets around a part.
    """
    texts = _scalars(name, array, depth + array.ndim - first)
    pattern = "%s"
    for axis in reversed(range(first, array.ndim)):
        pattern = _array([pattern] * array.shape[axis], None if line is None else line + (axis - first) * _INDENT)
    size, count = math.prod(array.shape[first:]), math.prod(array.shape[:first])
    return [pattern % tuple(texts[at * size : (at + 1) * size]) for at in range(count)]


def _scalars(name: str, array: NDArray[Any], depth: int) -> list[str]:
    kind = array.dtype.kind
    if kind in "OS":
        if name.endswith(_BYTES_SUFFIX):
            line = _LINE + depth * _INDENT
            return [_object([("b64", f'"{base64.b64encode(one).decode()}"')], line) for one in array.ravel().tolist()]
        return [show.string(one.decode(errors="replace")) for one in array.ravel().tolist()]
    if kind == "b":
        return ["true" if value else "false" for value in array.ravel().tolist()]
    if kind in "iu":
        return list(map(str, array.ravel().tolist()))
    if kind not in "fV":
        dtype = dtype_name(tf.as_dtype(array.dtype).as_datatype_enum)
        raise InvalidArgument(f"Failed to write JSON value for tensor type: {dtype}")
    return _decimals(array.ravel())


def _decimals(values: NDArray[Any]) -> list[str]:
    """Six digits where they give the same number again, else as many as it takes."""
    wide = values.dtype == np.float64
    if values.size < _FEW:
        return [show.decimal(number, wide=wide) for number in values.tolist()]
    with np.errstate(invalid="ignore"):
        numbers = values.astype(np.float64)
    texts = list(map(("%.17g" if wide else "%.9g").__mod__, numbers.tolist()))
    positions = np.flatnonzero(_may_be_short(numbers))
    few_digits = list(map("%.6g".__mod__, numbers[positions].tolist()))
    with np.errstate(over="ignore"):
        again = np.array(list(map(float, few_digits))).astype(np.float64 if wide else np.float32)
    enough = (again == numbers[positions]) & np.isfinite(again)
    for position, text, is_enough in zip(positions.tolist(), few_digits, enough.tolist(), strict=True):
        if not is_enough:
            texts[position] = show.decimal(float(numbers[position]), wide=wide)
        else:
            texts[position] = text if "." in text or "e" in text else f"{text}.0"
    return texts


def _may_be_short(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """False for a number that surely takes all its digits: most do, and a look at each of them would cost the most."""
    with np.errstate(all="ignore"):
        sizes = np.abs(numbers)
        scale = 10.0 ** (5 - np.floor(np.log10(sizes)))
        difference = np.abs(np.rint(numbers * scale) / scale - numbers)
        # Next to zero floats are further apart.
        long = (difference > sizes * _HALF_A_FLOATS_DIGIT) & (sizes > _LEAST_NORMAL)
        short: NDArray[np.bool_] = ~long | (numbers == np.rint(numbers))
    return short
