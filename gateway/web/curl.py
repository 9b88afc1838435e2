"""The command line that asks the API what the page asked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gateway.versions.resolve import Wanted


def command(root: str, wanted: Wanted, filenames: Sequence[str], *, explain: bool = False) -> str:
    """A curl command for a POSIX shell.

    Args:
        root: The gateway's address, with a slash at its end.
        wanted: Which version is to answer.
        filenames: Of the pictures, in the current folder.
        explain: True if heatmaps were asked for.
    """
    options = {"model": wanted.model, "version": wanted.version, "label": wanted.label}
    options["explain"] = "true" if explain else None
    fields = [f"{name}={value}" for name, value in options.items() if value is not None]
    fields += [f"images=@{_quoted(name)}" for name in filenames]
    return " ".join(["curl", *(f"-F {shlex.quote(field)}" for field in fields), shlex.quote(f"{root}api/v1/classify")])


def _quoted(name: str) -> str:
    """A file's name as curl reads it: it takes ; and , for its own unless the name is in quotes."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != name or set(name) & {";", ","} else name
