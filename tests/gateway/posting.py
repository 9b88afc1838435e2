"""How tests post pictures through a Flask test client."""

from __future__ import annotations

import io
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def post(
    client: FlaskClient, *pictures: bytes | tuple[str, bytes], path: str = "/api/v1/classify", **options: Any
) -> TestResponse:
    """POSTs pictures, named by number or by their own name, with options as form fields; `headers` are headers."""
    headers = options.pop("headers", {})
    named = [item if isinstance(item, tuple) else (f"{index}.png", item) for index, item in enumerate(pictures)]
    files = [(io.BytesIO(data), name) for name, data in named]
    return client.post(path, data={"images": files, **options}, headers=headers)
