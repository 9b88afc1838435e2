"""``python -m tests.e2e.soak``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.e2e.soak.run import Plan, soak


def main() -> int:
    """Runs a soak and gives 0 if it was passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.soak", description=__doc__)
    for one in fields(Plan):
        option = "--" + one.name.replace("_", "-")
        if isinstance(one.default, bool):
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=type(one.default), default=one.default, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for logs and models (default: a new one, which stays)")
    options = vars(parser.parse_args())
    folder = options.pop("folder") or Path(tempfile.mkdtemp(prefix="vitrine-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"folder      {folder}", flush=True)
    result = soak(Plan(**options), folder)
    print("\n".join(result.lines()), flush=True)
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
