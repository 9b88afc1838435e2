"""Who a client is behind proxies, as far as those are trusted, and under which scheme and path it sees the gateway."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from gateway.settings.parse import Network

UNKNOWN = "unknown"
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_LONGEST_PREFIX = 200
_LONGEST_CHAIN = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as its client sees it.

    Attributes:
        client: Its address.
        scheme: http or https.
        prefix: The path before the gateway's own, such as ``/vitrine``; mostly empty.
    """

    client: str
    scheme: str
    prefix: str = ""


def seen(
    trusted: Sequence[Network],
    peer: str | None,
    scheme: str,
    *,
    forwarded_for: str = "",
    forwarded_proto: str = "",
    forwarded_prefix: str = "",
) -> Seen:
    """What is true of a request.

    Args:
        trusted: The proxies whose headers are believed.
        peer: The address at the other end of the connection; None for a Unix socket.
        scheme: Of the connection.
        forwarded_for: The header ``X-Forwarded-For``; of a repeated one, all of it with commas between.
        forwarded_proto: The header ``X-Forwarded-Proto``.
        forwarded_prefix: The header ``X-Forwarded-Prefix``.
    """
    address = _address(peer or "")
    if address is None or not _is_in(address, trusted):
        return Seen(str(address) if address else UNKNOWN, scheme)
    proto = forwarded_proto.rpartition(",")[2].strip().lower()
    prefix = forwarded_prefix.strip().rstrip("/")[:_LONGEST_PREFIX]
    return Seen(
        str(_first_untrusted(address, forwarded_for, trusted)),
        proto if proto in {"http", "https"} else scheme,
        prefix if _PREFIX.fullmatch(prefix) else "",
    )


@lru_cache(maxsize=1024)
def limited_as(client: str) -> str:
    """The name under which an address is rate-limited: whoever has an IPv6 address has 2**64 of them."""
    address = _address(client)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else client


def _first_untrusted(
    peer: IPv4Address | IPv6Address, forwarded_for: str, trusted: Sequence[Network]
) -> IPv4Address | IPv6Address:
    """From the right, where the nearest proxy writes, the first address that is no trusted proxy's.

    What stands further left was written by whoever that is, and may be made up.
    """
    client = peer
    for text in reversed(forwarded_for.split(",")[-_LONGEST_CHAIN:]):
        address = _address(text.strip())
        if address is None:
            break
        client = address
        if not _is_in(address, trusted):
            break
    return client


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


# The same few clients come again and again, and parsing costs more than all else here.
@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, be it with a port or in brackets; one of IPv4 in IPv6's clothes as the former."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
