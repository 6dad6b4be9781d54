"""The way to a service: through which proxy of the environment, if any.

httpx sets up every proxy that it finds, also one that NO_PROXY keeps from being used, and fails on one that it cannot
speak. A client of one service needs one or none. Knows the environment's names for proxies; not what is asked.
"""

from __future__ import annotations

import urllib.request
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

import httpx

_Transport = TypeVar("_Transport", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


def transport_to(url: str | httpx.URL, kind: type[_Transport], **options: Any) -> _Transport:
    """What carries requests to this service; raises ValueError, in one line, for a proxy that cannot be used."""
    proxy = proxy_to(httpx.URL(url))
    try:
        return kind(proxy=proxy, **options)
    except ImportError:
        raise ValueError(f"the proxy {_shown(proxy)} needs `pip install socksio`, or the host in NO_PROXY") from None
    except (ValueError, httpx.InvalidURL):
        raise ValueError(f"the proxy {_shown(proxy)} cannot be used: http, https, socks5 and socks5h can") from None


def proxy_to(url: httpx.URL) -> str | None:
    """The URL of the proxy that the environment, or the system, wants for this one; never one to this machine."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _is_near(url.host, proxies.get("no", "")):
        return None
    if urllib.request.proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_near(host: str, spared: str) -> bool:
    """This machine, or an address in one of NO_PROXY's networks, which Python's own reading does not know."""
    address = _address(host)
    if address is None:
        return host == "localhost"
    return address.is_loopback or any(_contains(network.strip(), address) for network in spared.split(","))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _contains(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _shown(proxy: str | None) -> str:
    """Without a password."""
    scheme, _, rest = (proxy or "").partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
