"""Which addresses a webhook may reach: those of the public internet alone, unless the settings allow all.

A name must be looked up by who connects, and what it leads to held against `refused`; here nothing is looked up.
"""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_ALSO_REFUSED = (  # public by their number, but a cloud's own: Azure's and Oracle's metadata
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("192.0.0.0/24"),
)
_IPV4_INSIDE = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))  # NAT64, IPv4-compatible
_LOCAL_NAMES = ("localhost", "localhost.localdomain")


def refused(text: str) -> bool:
    """Whether a webhook must not be sent to this address: loopback, private, shared, link-local (where clouds keep
    their metadata), multicast or reserved; also when such an IPv4 address is written within an IPv6 one."""
    address = ipaddress.ip_address(text)
    inner = _ipv4_inside(address)
    if inner is not None:
        return refused(str(inner))
    if any(address in network for network in _ALSO_REFUSED if network.version == address.version):
        return True
    return not address.is_global or address.is_multicast or getattr(address, "is_site_local", False)


def literally_refused(host: str) -> bool:
    """What can be said of a URL's host without looking it up. `127.1` and `0x7f000001` are addresses too."""
    host = host.rstrip(".").lower()
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        return refused(str(ipaddress.ip_address(host)))
    except ValueError:
        pass
    try:
        return refused(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeEncodeError):
        return False


def _ipv4_inside(address: Address) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if any(address in network for network in _IPV4_INSIDE):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
