"""Numbers and names as people read them: the page, the slides and the comparison say them all in the same way."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_SHOWN = 48
_MINUS, TIMES = "\u2212", "\u00d7"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def percent(share: float, digits: int = 1) -> str:
    """``0.961`` -> ``96.1%``; what is not quite all or nothing is never shown as such."""
    text = f"{share * 100:.{digits}f}"
    step = 10.0**-digits
    if share < 1 and float(text) >= 100:
        return f"> {100 - step:.{digits}f}%"
    if share > 0 and float(text) <= 0:
        return f"< {step:.{digits}f}%"
    return f"{text}%"


def points(difference: float) -> str:
    """A difference of two shares, in percentage points, with its sign: ``+1.2``."""
    text = f"{abs(difference) * 100:.1f}"
    return text if float(text) == 0 else f"{'+' if difference > 0 else _MINUS}{text}"


def number(value: float) -> str:
    """``145578`` -> ``145,578``; what is no whole number keeps four significant digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def short(value: float) -> str:
    """``145578`` -> ``146 k``, ``2257984`` -> ``2.26 M``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return number(value)


def size(count: float) -> str:
    """Bytes: ``1700000`` -> ``1.7 MB``."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.3g} {unit}"
    return f"{count:.0f} bytes"


def duration(seconds: float) -> str:
    """``75`` -> ``1 min 15 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def milliseconds(value: float) -> str:
    """``3.4567`` -> ``3.46 ms``."""
    return f"{value:.3g} ms"


def across(*sides: int) -> str:
    """Width and height with the sign between them."""
    return f" {TIMES} ".join(map(str, sides))


def count(amount: int, one: str, many: str = "") -> str:
    """``count(1, "picture")`` -> ``1 picture``; ``count(2000, "class", "classes")`` -> ``2,000 classes``."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def shorten(text: str, length: int = _SHOWN) -> str:
    """At most so many characters, the middle left out: the ends of names tell them apart."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def quoted(name: str, length: int = _SHOWN) -> str:
    """A label inside a sentence. One that is written from right to left does not turn the sentence around."""
    return f"“{isolated(name, length)}”"


def isolated(name: str, length: int = _SHOWN) -> str:
    """A label, shortened, that keeps its direction of writing to itself."""
    shown = shorten(name, length)
    if any(unicodedata.bidirectional(character) in {"R", "AL"} for character in shown):
        return f"{_FIRST_STRONG_ISOLATE}{shown}{_POP_ISOLATE}"
    return shown


def listed(names: Sequence[str], shown: int = 3) -> str:
    """``“a”, “b” and “c”``; of many the first ones, and how many more there are."""
    quotes = [quoted(name) for name in names]
    if len(quotes) > shown:
        return f"{', '.join(quotes[:shown])} and {len(quotes) - shown:,} more"
    return " and ".join([", ".join(quotes[:-1]), quotes[-1]]) if len(quotes) > 1 else "".join(quotes)


def printable(text: str) -> str:
    """Without characters that neither XML nor a terminal takes: controls and halves of pairs become U+FFFD."""
    return "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cs"} or c in "\ufffe\uffff" else c for c in text)
