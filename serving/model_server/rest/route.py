"""What a REST request's method and target ask for, read as TensorFlow Serving reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from serving.model_server.errors import InvalidArgument
from serving.model_server.versions.core import ModelSpec

_SPEC = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"/v1/models/(?P<name>[^/:]+){_SPEC}:(?P<method>classify|regress|predict)", re.ASCII | re.I)
_GET = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_SPEC}(?:/(?P<metadata>metadata))?", re.ASCII | re.I)
_PATTERNS = {"POST": _POST, "GET": _GET}

_ESCAPE = r"%[0-9A-Fa-f]{2}"
_TARGET = re.compile(
    # Scheme and host, which only proxies send; the path; the query; the fragment.
    rf"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?(?P<path>(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|{_ESCAPE})*)"
    rf"(?P<rest>(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|{_ESCAPE})*)?"
    rf"(?:\#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|{_ESCAPE})*)?)"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A request's target.

    Attributes:
        path: Without the query.
        whole: With the query, of which TensorFlow Serving makes no exception: it belongs to the path.
    """

    path: str
    whole: str


@dataclass(frozen=True, slots=True)
class Route:
    """A request to the API.

    Attributes:
        spec: The servable meant; its name is empty if there is none.
        method: ``classify``, ``regress`` or ``predict``, as sent; empty for a GET.
        metadata: True for a GET of the signatures, False for one of the state.
    """

    spec: ModelSpec
    method: str
    metadata: bool


def split(target: str) -> Target | None:
    """The parts of a request's target, or None if it is no URI."""
    match = _TARGET.fullmatch(target)
    if match is None:
        return None
    path = match["path"] or "/"
    return Target(path, path + match["rest"])


def route(method: str, target: str) -> Route:
    """What a request asks for.

    Args:
        method: The HTTP method.
        target: `Target.whole`.

    Raises:
        InvalidArgument: Nothing that the API has.
    """
    pattern = _PATTERNS.get(method)
    match = pattern.fullmatch(target) if pattern else None
    if match is None:
        raise malformed(method, target)
    name, version, label = match["name"], match["version"], match["label"]
    if version is not None and int(version) > 2**63 - 1:
        raise InvalidArgument(f"Failed to convert version: {version} to numeric.")
    spec = ModelSpec(
        unquote(name or ""), None if version is None else int(version), None if label is None else unquote(label)
    )
    if method == "POST":
        return Route(spec, match["method"], metadata=False)
    return Route(spec, "", metadata=match["metadata"] == "metadata")


def malformed(method: str, target: str) -> InvalidArgument:
    """The refusal of a request that is not part of the API."""
    return InvalidArgument(f"Malformed request: {method} {target}")
