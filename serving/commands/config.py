"""``config``: prints models.config."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from contract.release import Release
from serving import models_config
from serving.commands import options as shared
from serving.tables import Say

if TYPE_CHECKING:
    from serving.commands.options import Subparsers


def register(subparsers: Subparsers) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("config", help="print models.config")
    shared.add_repository(parser)
    shared.add_base_path(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, out: Say) -> int:
    """``models.config`` for a base path."""
    out(models_config.render(Release.read(options.repository), shared.base_path(options)).rstrip("\n"))
    return 0
