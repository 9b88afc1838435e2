"""Where a request carries an API key: ``X-API-Key``, ``Authorization: Bearer``, or what a browser asks for (Basic)."""

from __future__ import annotations

import base64
import binascii

from gateway.admission.keys import ApiKeys
from gateway.errors import Unauthorized

# What an orchestrator and Prometheus ask, who have no key; keep /metrics from strangers at the proxy.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


def authenticated(keys: ApiKeys, authorization: str | None, api_key: str | None) -> str:
    """The name of a request's key.

    Args:
        keys: Those in force.
        authorization: The header ``Authorization``, if there is one.
        api_key: The header ``X-API-Key``, if there is one.

    Raises:
        Unauthorized: None, nobody's, or under another name than the one given. The message never holds the key.
    """
    if api_key is not None:
        name = keys.name_of(api_key)
    elif authorization is not None:
        name = _by_authorization(keys, authorization)
    else:
        raise Unauthorized("Expected an API key in X-API-Key or Authorization: Bearer. Received: none")
    if name is None:
        raise Unauthorized("Expected an API key that is in force. Received: another")
    return name


def _by_authorization(keys: ApiKeys, authorization: str) -> str | None:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return keys.name_of(value.strip())
        case "basic":
            name, _, key = _decoded(value.strip()).partition(":")
            return name if keys.matches(name, key) else None
        case _:
            return None


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
