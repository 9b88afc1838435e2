"""One row of the table of settings, and the error for a value that makes no sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class SettingsError(ValueError):
    """A setting whose value makes no sense; the message names its variable, what came and what was wanted."""


@dataclass(frozen=True)
class Setting:
    """One row.

    Attributes:
        name: The field of `Settings`.
        variable: Its environment variable.
        default: What an unset variable stands for, written as one would write it there.
        help: What it is for, in sentences.
        parse: From the variable's text to the field's value; raises ValueError, which says what is expected.
    """

    name: str
    variable: str
    default: str
    help: str
    parse: Callable[[str], Any]

    def read(self, environ: Mapping[str, str]) -> Any:
        """The value from the environment. Raises SettingsError, which names the variable."""
        text = environ.get(self.variable, "").strip() or self.default
        try:
            return self.parse(text)
        except ValueError as error:
            raise SettingsError(f"{self.variable}: {error}. Received: {text!r}") from None


@dataclass(frozen=True)
class Group:
    """Rows that are about one thing."""

    title: str
    rows: tuple[Setting, ...]
