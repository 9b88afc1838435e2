"""What operators look at: a page, the same without its frame for the page's own script, and JSON."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from flask import Blueprint, render_template, request

from contract.errors import ServingError
from gateway.errors import GatewayError, UnknownModel, outcome_of
from gateway.observe.metrics import Metrics
from gateway.upstream.model_server import Deadline
from gateway.versions.catalogue import Catalogue
from gateway.web import values
from gateway.web.hooks import record
from gateway.web.operations import plots, words
from gateway.web.operations.exposition import Counts
from gateway.web.operations.scrub import plain
from gateway.web.operations.shown import AT_ONCE, shown
from gateway.web.operations.state import ModelState, model_state
from gateway.web.portal import run, services

blueprint = Blueprint("operations", __name__)
_TIMEOUT_S = 2.0
_SIZES = {
    "plot": (plots.WIDTH, plots.HEIGHT),
    "spark": (plots.SPARK_WIDTH, plots.SPARK_HEIGHT),
    "at_once": AT_ONCE,
}


@blueprint.get("/operations")
def page() -> str:
    """The page; `model` in the query shows one model alone, `seen` names histories that need no telling again."""
    only = request.args.get("model")
    counts, models = _gather(only)
    alone = request.headers.get("X-Requested-With") == "fetch"
    record().quiet = alone  # An open page asks again and again.
    return render_template(
        "operations_live.html" if alone else "operations.html",
        counts=counts,
        models=shown(models, request.args.getlist("seen") if alone else ()),
        troubles=dict.fromkeys(one.trouble for one in models if one.trouble),
        default=services().resolver.default_model() if models else None,
        unreadable=services().releases.unreadable,
        only=only,
        now=datetime.now(UTC),
        words=words,
        moment=values.moment,
        sizes=_SIZES,
    )


@blueprint.get("/api/v1/operations")
def operations() -> dict[str, Any]:
    """The same for programs."""
    counts, models = _gather(request.args.get("model"))
    return {
        "since": counts.since.isoformat() if counts.since else None,
        "release_unreadable": services().releases.unreadable,
        "models": [plain(asdict(one)) for one in models],
        "request_id": record().request_id,
    }


def _gather(only: str | None) -> tuple[Counts, list[ModelState]]:
    """What is known of all models or one. Raises UnknownModel."""
    names = services().resolver.model_names()
    if only is not None and only not in names:
        known = ", ".join(names) or "none"
        raise UnknownModel(f"Expected a known model ({known}). Received: {only!r}")
    names = names if only is None else (only,)
    counts = _counts(services().metrics, int(time.monotonic()))
    described = run(_described(services().catalogue, names))
    return counts, [
        model_state(name, services().releases.model(name), found, counts, trouble=trouble)
        for name, (found, trouble) in zip(names, described, strict=True)
    ]


@lru_cache(maxsize=1)
def _counts(metrics: Metrics, _second: int) -> Counts:
    """What was counted, read once a second at most, however many look: with many models that takes its time."""
    return Counts(metrics.exposition())


async def _described(catalogue: Catalogue, names: tuple[str, ...]) -> list[tuple[dict[str, Any] | None, str]]:
    """What the model server says of each model, or why it says nothing."""
    deadline = Deadline(_TIMEOUT_S)
    return await asyncio.gather(*(_one(catalogue, name, deadline) for name in names))


async def _one(catalogue: Catalogue, name: str, deadline: Deadline) -> tuple[dict[str, Any] | None, str]:
    try:
        return await catalogue.model(name, deadline), ""
    except UnknownModel:
        return {"versions": []}, ""
    except (GatewayError, ServingError) as error:
        outcome = outcome_of(error)
        return None, outcome.message if outcome else ""
