"""The TCP ports: is one free, and what to say if not."""

from __future__ import annotations

import errno
import socket

from serving.model_server.flags import Settings

# Also what gRPC is told, which binds IPv6 with it where it can.
HOST = "0.0.0.0"


class PortError(Exception):
    """A port that cannot be opened; the message names it and says what to do."""


def check(settings: Settings) -> None:
    """Raises PortError if a port is taken: better now than after the models are loaded.

    The path of a UNIX socket is never taken: as in TensorFlow Serving, the newest server has it.
    """
    for flag in ("port", "rest_api_port"):
        if getattr(settings, flag):
            bind(flag, getattr(settings, flag)).close()


def bind(flag: str, port: int) -> socket.socket:
    """A socket that holds the port on every address, IPv6 included where there is any, and does not listen yet.

    Raises:
        PortError: Another process has it, or this one may not.
    """
    both = socket.has_dualstack_ipv6()
    holder = socket.socket(socket.AF_INET6 if both else socket.AF_INET, socket.SOCK_STREAM)
    if both:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    # A port whose last connections are still closing may be taken over; one that is listened on may not.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind(("::" if both else HOST, port))
    except OSError as error:
        holder.close()
        raise refused(flag, port, error) from None
    return holder


def refused(flag: str, address: int | str, error: OSError | None = None) -> PortError:
    """The error to raise for an address that could not be opened; it is in use unless `error` says otherwise."""
    name, value = (f"Port {address}", "PORT") if isinstance(address, int) else (f"The socket {address}", "PATH")
    if error is None or error.errno == errno.EADDRINUSE:
        return PortError(
            f"{name} is in use: stop the process that listens on it, or choose another with --{flag}={value}"
        )
    return PortError(f"{name} cannot be opened ({error.strerror}): choose another with --{flag}={value}")
