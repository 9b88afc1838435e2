"""``status``: what serves of each version, on every replica, and how much traffic it gets."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from contract.release import AutomaticRollout, ModelRelease, Release
from serving.commands import options as shared
from serving.health import VersionHealth, health
from serving.plan import words
from serving.replicas import Replicas
from serving.repository import ModelRepository
from serving.tables import Say, table

if TYPE_CHECKING:
    from serving.commands.options import Subparsers

_EVERY_S = 2.0
# More replicas than this would not fit beside each other: the column `health` names those that matter.
_COLUMNS = 4
_CLEAR = "\x1b[H\x1b[2J"
_HELP = """\
Every version that is pinned or that a model server has something to say of: its labels, its share of the traffic and
its state on every replica. The exit status is 1 if a replica does not answer, or a pinned version is not AVAILABLE
somewhere."""


@dataclass(frozen=True)
class Status:
    """What one look at the release state and every replica has shown.

    Attributes:
        replicas: All of them, those that are away too.
        away: Why a replica gave no answer.
        models: Every version's health, by model, newest first.
        rollouts: The automatic rollouts under way, by model.
    """

    replicas: list[str]
    away: Mapping[str, str]
    models: Mapping[str, Sequence[VersionHealth]]
    rollouts: Mapping[str, AutomaticRollout]

    @property
    def well(self) -> bool:
        """True if all replicas answer and all that is pinned serves."""
        return not self.away and all(one.well for rows in self.models.values() for one in rows)

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "well": self.well,
            "replicas": self.replicas,
            "away": dict(self.away),
            "rollouts": {name: asdict(one) for name, one in self.rollouts.items()},
            "models": {name: [one.to_dict() for one in rows] for name, rows in self.models.items()},
        }


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("status", help="what serves, on every model server", description=_HELP)
    shared.add_repository(parser)
    shared.add_json(parser)
    shared.add_replica(parser)
    parser.add_argument("--watch", action="store_true", help=f"look again every {_EVERY_S:g} s, until Ctrl-C")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """Says what serves, once or again and again; 1 if not all is well."""
    with Replicas(shared.replicas(options)) as replicas:
        status = look(options, replicas)
        _say(status, options, out)
        try:
            while options.watch:
                time.sleep(_EVERY_S)
                status = look(options, replicas)
                _say(status, options, out)
        except KeyboardInterrupt:
            pass  # that is how a watch ends
    return 0 if status.well else 1


def look(options: argparse.Namespace, replicas: Replicas) -> Status:
    """The release state and what every replica says now."""
    release = Release.read(options.repository)
    # Not from a store elsewhere: what serves has to be seen while that is away, too.
    names = sorted({*ModelRepository(options.repository).models(), *release.models})
    # Ask for some name even where there is no model yet, to know who answers.
    seen = {name: replicas.status(name) for name in names or ["-"]}
    answers = [one for statuses in seen.values() for one in statuses]
    states = {name: release.models.get(name, ModelRelease()) for name in names}
    return Status(
        replicas=list(dict.fromkeys(one.replica for one in answers)),
        away={one.replica: one.away for one in answers if one.away},
        models={name: health(state, seen[name]) for name, state in states.items()},
        rollouts={name: state.rollout for name, state in states.items() if state.rollout is not None},
    )


def _say(status: Status, options: argparse.Namespace, out: Say) -> None:
    if options.json:
        out(json.dumps(status.to_dict(), indent=None if options.watch else 2, ensure_ascii=False))
        return
    text = _text(status)
    out(f"{_CLEAR}{text}" if options.watch and sys.stdout.isatty() else text)


def _text(status: Status) -> str:
    answering = [replica for replica in status.replicas if replica not in status.away]
    rows = [_row(name, one) for name, versions in status.models.items() for one in versions]
    columns = ("model", "version", "labels", "traffic", "health", *(answering if len(answering) <= _COLUMNS else ()))
    lines = [table(columns, rows) if rows else "No models."] if answering else []
    lines += [_rollout(name, one, status.models[name]) for name, one in status.rollouts.items()]
    lines += [f"No model server answers at {replica} ({reason})." for replica, reason in status.away.items()]
    return "\n".join(lines)


def _row(name: str, one: VersionHealth) -> dict[str, Any]:
    parts = {"shadow": one.shadow, "previous": one.previous and not one.labels}
    labels = [*one.labels, *(f"({part})" for part, has in parts.items() if has)]
    traffic = [f"{one.share:g}%"] if one.share else []
    traffic += [f"copies of {one.copies:g}%"] if one.copies else []
    # Why a version ended is told once, by its health.
    states = {replica: state.partition(":")[0] for replica, state in one.states.items()}
    return {**one.to_dict(), "model": name, "labels": labels, "traffic": ", ".join(traffic), **states}


def _rollout(name: str, one: AutomaticRollout, rows: Sequence[VersionHealth]) -> str:
    share = next((row.share for row in rows if row.version == one.version), 0.0)
    step = f"step {one.step + 1} of {len(one.steps)}" if share else f"before the first of {len(one.steps)} steps"
    return (
        f"Automatic rollout of {name} {one.version}: {words.traffic(share)}, {step}, since {one.since}, "
        f"{one.every_s:g} s each."
    )
