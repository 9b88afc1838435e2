"""The table of settings as Markdown, for docs/settings.md."""

from __future__ import annotations

from gateway.settings.table import GROUPS

_HEAD = """# Settings of the gateway

All come from the environment and are checked at start; an error names its variable. An empty variable counts as unset.
Written by `python -m gateway.settings > docs/settings.md`; a test holds it up to date.
"""


def markdown() -> str:
    """The whole document, with a line end at its end."""
    parts = [_HEAD]
    for group in GROUPS:
        parts.append(f"## {group.title}\n\n| variable | default | what it is for |\n| --- | --- | --- |")
        parts += [f"| `{row.variable}` | {_code(row.default)} | {_cell(row.help)} |" for row in group.rows]
        parts[-1] += "\n"
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
