"""Hosts of one's own: network namespaces on a bridge, whose ports can be pulled. Needs root and iproute2.

A pulled port is a black hole both ways: nobody is told anything, as when a switch dies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.stage import HOST


def impossible() -> str | None:
    """Why there can be no namespaces here."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "iproute2 is not installed"
    probe = f"sqprobe{os.getpid()}"
    try:
        _ip("netns", "add", probe)
        _ip("netns", "del", probe)
    except subprocess.CalledProcessError as error:
        return f"ip netns: {error.stderr.strip()}"
    return None


@dataclass(frozen=True)
class Host:
    """`space`: its namespace; empty: this machine's own."""

    address: str = HOST
    space: str = ""
    port: str = ""  # of the bridge

    def inside(self, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.space, *command] if self.space else command


HERE = Host()


class Network:
    """`with Network() as network`. Names carry this process's id, so that two runs do not meet."""

    def __init__(self) -> None:
        self._tag = f"{os.getpid() % 100_000}"
        self._bridge = f"sqb{self._tag}"
        self._hosts: list[Host] = []

    def __enter__(self) -> Network:
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{self._address(1)}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self._hosts:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", host.space)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)

    def host(self) -> Host:
        """One more, which reaches all others and this machine."""
        number = len(self._hosts)
        host = Host(self._address(10 + number), f"sq{self._tag}-{number}", f"sq{self._tag}p{number}")
        self._hosts.append(host)
        _ip("netns", "add", host.space)
        _ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.space)
        _ip("link", "set", host.port, "master", self._bridge, "up")
        _ip("-n", host.space, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _ip("-n", host.space, "link", "set", "eth0", "up")
        _ip("-n", host.space, "link", "set", "lo", "up")
        return host

    def cut(self, host: Host) -> None:
        _ip("link", "set", host.port, "nomaster")

    def mend(self, host: Host) -> None:
        _ip("link", "set", host.port, "master", self._bridge)

    def slow(self, host: Host, rate: str) -> None:
        """Both ways; what waits longer than the queue holds is dropped."""
        limit = ("root", "tbf", "rate", rate, "burst", "3000", "latency", "500ms")
        _run("tc", "qdisc", "add", "dev", host.port, *limit)
        _run(*host.inside(["tc", "qdisc", "add", "dev", "eth0", *limit]))

    def quicken(self, host: Host) -> None:
        _run("tc", "qdisc", "del", "dev", host.port, "root")
        _run(*host.inside(["tc", "qdisc", "del", "dev", "eth0", "root"]))

    def _address(self, last: int) -> str:
        return f"10.231.{os.getpid() % 250}.{last}"


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
