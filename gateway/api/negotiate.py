"""Which format an answer is given in: the caller's own word first, then the Accept header, then JSON."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from gateway.api.options import Format
from gateway.errors import NotAcceptable

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "html": "text/html",
}
CONTENT_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "html": "text/html; charset=utf-8",
}
# In the order of preference where a caller likes several alike.
FOR_PROGRAMS: tuple[Format, ...] = ("json", "ndjson", "csv")
FOR_PEOPLE: tuple[Format, ...] = ("html", "json", "csv")
# Accept headers that differ: a handful, unless someone makes them up.
_REMEMBERED = 256


def negotiate(accept: str | None, chosen: Format | None = None, offered: Sequence[Format] = FOR_PROGRAMS) -> Format:
    """The format to answer in.

    Args:
        accept: The Accept header; None or empty if there was none, which takes anything.
        chosen: The option `format`, which wins over the header.
        offered: What this route can answer in, the dearest first.

    Raises:
        NotAcceptable: Nothing on offer fits; the message has the list.
    """
    if chosen is not None:
        if chosen in offered:
            return chosen
        raise NotAcceptable(f"Expected format to be {_listed(offered)} here. Received: {chosen}")
    if not accept or accept == "*/*":
        return offered[0]
    found = _best(accept[:1000], tuple(offered))
    if found is None:
        raise NotAcceptable(f"Expected to be asked for {_listed(offered)}. Received: Accept: {accept[:200]}")
    return found


def _listed(offered: Sequence[Format]) -> str:
    return ", ".join(f"{name} ({MEDIA_TYPES[name]})" for name in offered)


@lru_cache(maxsize=_REMEMBERED)
def _best(accept: str, offered: tuple[Format, ...]) -> Format | None:
    """The format of the highest quality, the first of equals; None if all are at 0."""
    # Parameters beside the quality, such as a charset, make no difference here.
    parsed = parse_accept_header(accept, MIMEAccept)
    wishes = MIMEAccept((wish.partition(";")[0].strip(), quality) for wish, quality in parsed)
    if not wishes:
        return offered[0]
    # Of several ranges that match a type, the most precise one says its quality (RFC 9110, 12.5.1).
    best = max(offered, key=lambda name: wishes.quality(MEDIA_TYPES[name]))
    return best if wishes.quality(MEDIA_TYPES[best]) > 0 else None
