"""Property tests without a time limit of their own: a loaded machine is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("vitrine", deadline=None)
settings.load_profile("vitrine")
