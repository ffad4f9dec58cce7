"""Where Guardian may send to: http(s) only, and not into private networks unless that is allowed."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from guardian.domain.errors import Forbidden, Misconfigured, Unavailable

PORTS = {"http": 80, "https": 443}
# RFC 6052: an IPv4 address inside an IPv6 one, which a gateway may carry into the private network
_NAT64 = IPv6Network("64:ff9b::/96")
Resolve = Callable[..., Sequence[tuple[Any, ...]]]


def target(url: str) -> SplitResult:
    """The parts of a URL that can be sent to. Raises Misconfigured, without showing the URL."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Misconfigured("A receiver's URL cannot be read.") from error
    if not usable or parts.username is not None or parts.password is not None:
        raise Misconfigured("A receiver's URL must be http:// or https:// with a host and no password.")
    return parts


def address_of(parts: SplitResult, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> str:
    """The address to connect to, so that a name cannot lead elsewhere after it was checked.

    Raises Unavailable when the name does not resolve, Forbidden when an address is not public.
    """
    try:
        port = parts.port or PORTS[parts.scheme]
        found = resolve(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("The receiver's name does not resolve.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise Unavailable("The receiver's name does not resolve.")
    if not allow_private and not all(map(is_public, addresses)):
        raise Forbidden("The receiver's address is private; GUARDIAN_ALERTING__ALLOW_PRIVATE permits it.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether the address, and any IPv4 address inside it, belongs to the public internet."""
    parsed = ip_address(address.partition("%")[0])
    return all(one.is_global and not one.is_multicast for one in (parsed, *_inside(parsed)))


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]
