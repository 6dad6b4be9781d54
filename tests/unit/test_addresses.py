"""Which addresses a webhook may reach."""

from __future__ import annotations

import pytest

from shared.addresses import literally_refused, refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "100.64.0.1",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "64:ff9b:1::7f00:1",  # NAT64 of a site's own (RFC 8215)
        "64:ff9b:1::a9fe:a9fe",
        "5f00::1",  # segment routing (RFC 9602)
        "100::1",  # discard-only
        "100:0:0:1::1",  # dummy (RFC 9780)
        "3fff::1",  # documentation (RFC 9637)
        "2001:db8::1",
        "::ffff:0:7f00:1",  # IPv4-translated (RFC 2765)
        "::ffff:0:808:808",
        "2001::1",  # Teredo: an IPv4 address in disguise
        "2001:2::1",  # benchmarks
        "2001:20::1",  # ORCHID
        "4000::1",  # not given out
        "fec0:0:0:ffff::1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.7",
        "240.0.0.1",
    ],
)
def test_an_address_that_is_not_the_public_internets_is_refused(address: str) -> None:
    assert refused(address)


@pytest.mark.parametrize(
    "address",
    [
        *("93.184.216.34", "1.1.1.1", "99.255.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.255"),
        *("2606:2800:220:1:248:1893:25c8:1946", "2400:cb00::1", "2a00:1450::1", "2001:4860:4860::8888"),
        *("64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"),
    ],
)
def test_a_public_address_is_not(address: str) -> None:
    assert not refused(address)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.1", "::1"],
)
def test_a_host_that_needs_no_lookup_is_refused_in_every_spelling(host: str) -> None:
    assert literally_refused(host)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "93.184.216.34", "bücher.example"])
def test_a_name_is_left_to_who_looks_it_up(host: str) -> None:
    assert not literally_refused(host)
