"""Who a client is: believed of trusted proxies, and of nobody else."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.admission.proxies import Seen, limited_as, seen

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("::1"))


def test_without_trusted_proxies_headers_are_made_up() -> None:
    made_up = {"forwarded_for": "1.2.3.4", "forwarded_proto": "https", "forwarded_prefix": "/x"}
    assert seen((), "10.0.0.1", "http", **made_up) == Seen("10.0.0.1", "http")
    assert seen(TRUSTED, "192.0.2.1", "http", **made_up) == Seen("192.0.2.1", "http")


def test_a_trusted_proxy_is_believed() -> None:
    told = seen(
        TRUSTED,
        "10.0.0.1",
        "http",
        forwarded_for="203.0.113.7",
        forwarded_proto="https",
        forwarded_prefix="/vitrine/",
    )
    assert told == Seen("203.0.113.7", "https", "/vitrine")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("6.6.6.6, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("6.6.6.6, unknown", "10.0.0.1"),
        ("6.6.6.6, <script>, 10.1.1.1", "10.1.1.1"),
        ("", "10.0.0.1"),
        (",,,", "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(forwarded: str, client: str) -> None:
    assert seen(TRUSTED, "10.0.0.1", "http", forwarded_for=forwarded).client == client


@pytest.mark.parametrize(
    "prefix", ["vitrine", "//evil.example", "/a b", "/a\r\nb", "/../x?y", "/é", "/" + "a" * 300 + "/b"]
)
def test_a_prefix_that_is_no_path_is_none(prefix: str) -> None:
    assert seen(TRUSTED, "10.0.0.1", "http", forwarded_prefix=prefix).prefix in {"", "/" + "a" * 199}


def test_a_scheme_that_is_none_is_the_connections() -> None:
    assert seen(TRUSTED, "::1", "http", forwarded_proto="javascript").scheme == "http"
    assert seen(TRUSTED, "::1", "http", forwarded_proto="http, HTTPS").scheme == "https"


def test_whoever_has_no_address_is_unknown() -> None:
    assert seen(TRUSTED, None, "http", forwarded_for="1.2.3.4") == Seen("unknown", "http")


def test_an_ipv6_network_of_one_client_is_one_client() -> None:
    assert limited_as("2001:db8::1") == limited_as("2001:db8::ffff:1") == "2001:db8::/64"
    assert limited_as("2001:db8:0:1::1") != limited_as("2001:db8::1")
    assert limited_as("203.0.113.7") == "203.0.113.7"
    assert limited_as("unknown") == "unknown"
