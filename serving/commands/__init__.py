"""The operator's commands, one module each: its options, and what it does with them."""

from __future__ import annotations

from serving.commands import (
    canary,
    config,
    history,
    listing,
    promote,
    prune,
    publish,
    rollback,
    rollout,
    shadow,
    status,
    tune,
    verify,
)

COMMANDS = (listing, status, publish, canary, shadow, promote, rollback, rollout, prune, history, verify, config, tune)
