"""How tests post pictures to the application."""

from __future__ import annotations

from typing import Any

import requests

from tests.gateway.client import Client


def post(
    client: Client, *pictures: bytes | tuple[str, bytes], path: str = "/api/v1/classify", **options: Any
) -> requests.Response:
    """POSTs pictures, named by number or by their own name, with options as form fields; `headers` are headers."""
    headers = options.pop("headers", {})
    named = [item if isinstance(item, tuple) else (f"{index}.png", item) for index, item in enumerate(pictures)]
    return client.post(path, files=[("images", item) for item in named], data=options, headers=headers)
