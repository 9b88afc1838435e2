"""How a rollout is told: lines, a view that is redrawn in a terminal, or JSON for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

from serving.automatic.report import figures_json
from serving.automatic.runner import Scene
from serving.plan import words
from serving.tables import Say, table

_BAR = 24


class Lines:
    """A line for each new share, verdict or reason."""

    def __init__(self, out: Say) -> None:
        self._out = out
        self._told: object = None

    def say(self, sentence: str) -> None:
        """Prints it."""
        self._out(sentence)

    def show(self, scene: Scene) -> None:
        """Prints a line if it says something else than the last one; what only counts up is nothing else."""
        verdict = scene.look.verdict
        news = (scene.percent, verdict.decision, scene.look.hidden, scene.look.turn)
        if news != self._told:
            self._told = news
            self._out(f"{headline(scene)}: {verdict.decision}. {'; '.join(verdict.reasons)}.")


class Live:
    """A block at the end of the terminal that is drawn anew at each look."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._drawn = 0

    def say(self, sentence: str) -> None:
        """Prints it above the block."""
        self._write(f"{self._erased()}{sentence}\n")

    def show(self, scene: Scene) -> None:
        """Draws the block."""
        width = shutil.get_terminal_size().columns - 1
        lines = [line[:width] for line in block(scene)]
        self._write(self._erased() + "".join(f"{line}\n" for line in lines))
        self._drawn = len(lines)

    def _erased(self) -> str:
        """The cursor where the block began, and nothing left of it."""
        drawn, self._drawn = self._drawn, 0
        return f"\x1b[{drawn}F\x1b[J" if drawn else ""


class JsonLines:
    """One JSON object a line: ``{"said": …}`` or a look."""

    def __init__(self, out: Say) -> None:
        self._out = out

    def say(self, sentence: str) -> None:
        """Prints it."""
        self._out(json.dumps({"said": sentence}, ensure_ascii=False))

    def show(self, scene: Scene) -> None:
        """Prints every look."""
        look = scene.look
        told = {
            "model": scene.order.name,
            "version": scene.order.version,
            "stable": scene.stable,
            "percent": scene.percent,
            "elapsed_s": round(look.elapsed_s, 1),
            "every_s": scene.order.every_s,
            "verdict": str(look.verdict.decision),
            "reasons": list(look.verdict.reasons),
            "figures": {"stable": figures_json(look.stable), "candidate": figures_json(look.candidate)},
            "copies": look.comparison.requests,
            "agreement": look.comparison.agreement,
            "difference": look.comparison.difference,
        }
        self._out(json.dumps(told, ensure_ascii=False))


def headline(scene: Scene) -> str:
    """What is watched now."""
    return f"{scene.order.name} {scene.order.version}, {words.traffic(scene.percent)}"


def block(scene: Scene) -> list[str]:
    """The live view's lines."""
    order, look = scene.order, scene.look
    done = min(1.0, look.elapsed_s / order.every_s)
    bar = "█" * round(_BAR * done) + "░" * (_BAR - round(_BAR * done))
    left_s = order.every_s - look.elapsed_s
    time_left = f"{left_s:.0f} s left" if left_s > 0 else f"{-left_s:.0f} s over, {order.patience_s:g} s at most"
    rows = [
        {"version": f"{scene.stable} stable", **_cells(figures_json(look.stable))},
        {"version": f"{order.version} candidate", **_cells(figures_json(look.candidate))},
    ]
    if look.comparison.requests:
        copies = {**figures_json(look.comparison.as_shadow), **_agreement(scene)}
        rows.append({"version": f"{order.version} copies", **_cells(copies)})
    columns = ("version", "requests", "errors", "p50", "p95", "none", "confidence", "agreement", "difference")
    return [
        "",
        f"{headline(scene)}, was {scene.stable}",
        f"{_steps(scene)}   {bar} {time_left}",
        *table(columns, rows).splitlines(),
        f"{look.verdict.decision}:",
        *(f"  {reason}" for reason in look.verdict.reasons),
    ]


def _steps(scene: Scene) -> str:
    first = (0.0,) if scene.order.begins_with_shadow or not scene.percent else ()
    return " → ".join(_marked(step, scene.percent) for step in (*first, *scene.order.steps))


def _marked(step: float, percent: float) -> str:
    text = f"{step:g}%" if step else "copies"
    return f"[{text}]" if step == percent else text


def _agreement(scene: Scene) -> dict[str, float | None]:
    return {"agreement": scene.look.comparison.agreement, "difference": scene.look.comparison.difference}


def _cells(figures: dict[str, float | None]) -> dict[str, str]:
    """Figures as short texts."""
    shares = {"errors": "error_rate", "none": "unknown_rate", "agreement": "agreement"}
    cells = {name: _text(figures.get(key), 100, " %") for name, key in shares.items()}
    times = {"p50": "p50_ms", "p95": "p95_ms"}
    cells |= {name: _text(figures.get(key), 1, " ms") for name, key in times.items()}
    plain = {name: _text(figures.get(name), 1, "") for name in ("confidence", "difference")}
    return {"requests": f"{figures['requests']:,}", **cells, **plain}


def _text(value: float | None, factor: float, unit: str) -> str:
    return "-" if value is None else f"{value * factor:.3g}{unit}"
