"""``python -m gateway.settings``: prints docs/settings.md."""

from __future__ import annotations

import sys

from gateway.settings.markdown import markdown

if __name__ == "__main__":
    sys.stdout.write(markdown())
