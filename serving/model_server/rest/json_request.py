"""The JSON of a REST request: the document, its signature name, and the tensors of a Predict.

TensorFlow Serving's parser is strict about shape and type. Here a regular request is converted whole, by C code inside
Python and numpy; only one that does not fit is walked again by `mistakes`, to name the first mistake in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from serving.model_server.errors import InvalidArgument
from serving.model_server.inference.servable import Tensors
from serving.model_server.rest import mistakes, show, syntax
from serving.model_server.rest.json_tensor import dense
from serving.model_server.rest.kinds import is_named

_LONE_SURROGATE = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F])"
)
# All that could be: 200 digits without an exponent, or one of three digits.
_HUGE_NUMBER = re.compile(rb"[0-9.]{200}|[eE]\+?0*[1-9][0-9]{2}")
_PORTION = 1024
_DECODER = json.JSONDecoder(object_pairs_hook=syntax.object_of)


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
        if _HUGE_NUMBER.search(self.body):
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
        members = _DECODER.decode(body.decode("utf-8-sig", "surrogateescape"))
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
    inputs = _batch(instances, infos)
    if inputs is None:
        raise _first_mistake(instances, infos)
    return inputs


def _batch(instances: list[Any], infos: Mapping[str, Any]) -> Tensors | None:
    """The tensors of instances, or None if there is a mistake in them."""
    if is_named(instances[0]):
        if not all(is_named(one) and one.keys() == infos.keys() for one in instances):
            return None
        columns = {name: [one[name] for one in instances] for name in infos}
    else:
        columns = {next(iter(infos)): instances}
    arrays = {name: dense(values, infos[name].dtype) for name, values in columns.items()}
    inputs = {name: array for name, array in arrays.items() if array is not None}
    return inputs if len(inputs) == len(infos) else None


def _first_mistake(instances: list[Any], infos: Mapping[str, Any]) -> InvalidArgument:
    """Looks for it by portions, for a closer look takes many times longer. All have to be shaped as the first."""
    for start in range(1, len(instances), _PORTION):
        portion = [instances[0], *instances[start : start + _PORTION]]
        if _batch(portion, infos) is None:
            return mistakes.in_instances(portion, infos, skipped=start - 1)
    return mistakes.in_instances(instances, infos)


def _columns(inputs: Any, infos: Mapping[str, Any]) -> Tensors:
    if not is_named(inputs):
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
        array = dense(inputs[name], info.dtype)
        if array is None:
            raise mistakes.in_value(inputs[name], name, info.dtype)
        arrays[name] = array
    return arrays
