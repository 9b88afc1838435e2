"""The operator's commands, one module each: its options, and what it does with them."""

from __future__ import annotations

from serving.commands import config, listing, publish, status

COMMANDS = (listing, status, publish, config)
