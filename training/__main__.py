"""``python -m training train|export``."""

from training.cli import main

raise SystemExit(main())
