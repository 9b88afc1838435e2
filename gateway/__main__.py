"""``python -m gateway``: serves until it is told to stop."""

from __future__ import annotations

import argparse
import os
import sys

from gateway.settings.row import SettingsError
from gateway.settings.settings import Settings
from gateway.settings.table import help_table


def main() -> int:
    """The process's exit status: 0 after a clean stop, 1 if it could not start."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Serves Vitrine's page and JSON API in front of TensorFlow Serving.",
        epilog="Settings, all from the environment:\n" + help_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    # gRPC tells of every lost connection on its own, unstructured; the requests that meet one tell it anyway. It looks
    # at this when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from gateway.server import PortUnavailable, serve

    try:
        serve(Settings.from_env(os.environ))
    except (SettingsError, PortUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
