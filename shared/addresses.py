"""Which addresses a webhook may reach: those of the public internet alone, unless the settings allow all.

A name must be looked up by who connects, and what it leads to held against `refused`; here nothing is looked up.
"""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Our own table: what Python calls global differs between its versions. IANA's special-purpose registries, 2025-10.
_IPV4_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # public by its number, but Azure's own metadata
        ),
    )
)
_IPV6_GLOBAL = ipaddress.ip_network("2000::/3")  # all that is given out; outside of it nothing is on the internet
_IPV6_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "2001::/23",  # protocols' own: Teredo, benchmarks, ORCHID
            *("2001:db8::/32", "3fff::/20"),  # documentation
        ),
    )
)
_IPV4_INSIDE = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))  # NAT64, IPv4-compatible
_LOCAL_NAMES = ("localhost", "localhost.localdomain")


def refused(text: str) -> bool:
    """Whether a webhook must not be sent to this address: loopback, private, shared, link-local (where clouds keep
    their metadata), multicast, documentation or reserved; also when such an IPv4 address is written within an IPv6 one.
    """
    address = ipaddress.ip_address(text)
    inner = _ipv4_inside(address)
    if inner is not None:
        return refused(str(inner))
    if address.version == 4:
        return any(address in network for network in _IPV4_REFUSED)
    return address not in _IPV6_GLOBAL or any(address in network for network in _IPV6_REFUSED)


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
