"""Which model servers an address stands for, now: a name may have many, and they come and go."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from contract.errors import ModelServerUnavailable

_LISTS = ("ipv4:", "ipv6:")
_AS_THEY_ARE = ("unix:", "xds:")
_DNS = "dns:"


def resolve(address: str) -> list[str]:
    """Every model server behind an address, each as an address of its own.

    A name with one IP address stands for itself, one with many for ``ip:port`` each; where they are of both kinds, for
    those of the kind that there are more of, since each server has one of either.

    Args:
        address: ``host:port``, or a gRPC target such as ``ipv4:10.0.0.1:8500,10.0.0.2:8500``.

    Raises:
        ModelServerUnavailable: The name is not known, or it is no address.
    """
    if address.startswith(_LISTS):
        return address.split(":", 1)[1].split(",")
    if address.startswith(_AS_THEY_ARE):
        return [address]
    name = address.removeprefix(_DNS).rpartition("/")[2]
    host, _, port = name.rpartition(":")
    if not host or not port.isdigit():
        raise ModelServerUnavailable(f"Expected an address host:port. Received: {address!r}")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ModelServerUnavailable(
            f"the name cannot be resolved: {getattr(error, 'strerror', None) or error}"
        ) from None
    four = {str(place[0]) for family, _, _, _, place in found if family == socket.AF_INET}
    six = {str(place[0]) for family, _, _, _, place in found if family == socket.AF_INET6}
    servers = four if len(four) >= len(six) else six
    if len(servers) == 1:
        return [name]
    return [f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip in sorted(servers, key=ip_address)]
