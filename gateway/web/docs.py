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
    return render_template("docs.html", api=_DESCRIPTION)
