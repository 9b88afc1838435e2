"""The API's description, hand-kept in openapi.json, and a page that shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template

blueprint = Blueprint("docs", __name__)
_TEXT = (Path(__file__).parent / "openapi.json").read_text(encoding="utf-8")
_DESCRIPTION: dict[str, Any] = json.loads(_TEXT)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The description, OpenAPI 3.1."""
    return Response(_TEXT, content_type="application/json")


@blueprint.get("/docs")
def page() -> str:
    """The description for people."""
    tools = {"follow": _follow, "codes": _codes, "pretty": _pretty}
    return render_template("docs.html", api=_DESCRIPTION, groups=_groups(), **tools)


def _groups() -> list[dict[str, Any]]:
    """The description's tags, each with its operations: path, method and what is said of them."""
    operations = [
        {"path": path, "method": method, **operation}
        for path, methods in _DESCRIPTION["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        {**tag, "operations": [one for one in operations if tag["name"] in one["tags"]]} for tag in _DESCRIPTION["tags"]
    ]


def _follow(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, with what is said beside it; any other node as it is."""
    if "$ref" not in node:
        return node
    found: Any = _DESCRIPTION
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{key: value for key, value in node.items() if key != "$ref"}}


def _codes(answer: dict[str, Any]) -> list[str]:
    """The error codes that an answer may carry."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    narrowed = schema.get("allOf", [{}])[-1].get("properties", {}).get("error", {}).get("properties", {})
    codes: list[str] = narrowed.get("code", {}).get("enum", [])
    return codes


def _pretty(example: object) -> str:
    """An example's value as text."""
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
