"""The operator's commands, one module each: its options, and what it does with them."""

from __future__ import annotations

from serving.commands import canary, config, history, listing, promote, publish, rollback, rollout, shadow, status

COMMANDS = (listing, status, publish, canary, shadow, promote, rollback, rollout, history, config)
