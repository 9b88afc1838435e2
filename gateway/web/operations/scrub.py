"""What operators wrote and model servers said, without what is nobody's business who only looks on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

# A path of two folders or more, at a word's beginning: neither "shoe/boot" nor the path of an address.
_PATH = re.compile(r"(?<![\w/:.~-])~?/(?:[^\s/:;,'\"`()<>]+/)+([^\s/:;,'\"`()<>]*)")
_LOGIN = re.compile(r"(?<=://)[^\s/@]+@")
_DEEPEST = 12


def scrubbed(text: str) -> str:
    """A text whose paths are cut to their last part, and whose addresses have no user and password."""
    return _LOGIN.sub("", _PATH.sub(r"…/\1", text))


def plain(value: Any, depth: int = 0) -> Any:
    """A value that JSON can tell: scrubbed, numbers that are none as null, nothing deeper than a report can be."""
    match value:
        case str():
            return scrubbed(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping() if depth < _DEEPEST:
            return {scrubbed(str(key)): plain(one, depth + 1) for key, one in value.items()}
        case list() | tuple() if depth < _DEEPEST:
            return [plain(one, depth + 1) for one in value]
    return value if isinstance(value, int) else None
