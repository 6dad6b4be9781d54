"""A real primary with replicas, and Sentinels who watch them; what an operator or a power cut does to them. On the
loopback, or each on a host of its own; every server dies with this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import redis

from tests.chaos.network import HERE, Host
from tests.chaos.stage import Process, free_port, redis_command, until

SERVICE = "main"
WITHIN_S = 20.0


class Server:
    """One of Redis."""

    def __init__(self, folder: Path, name: str, *options: str, host: Host = HERE) -> None:
        self.port, self.host = free_port(), host
        data = folder / name
        data.mkdir(parents=True)
        command = [*redis_command(self.port, data, host.address), *options]
        self.process = Process(name, host.inside(command), folder / f"{name}.log")
        self.process.start()
        self.client = redis.Redis(
            host=host.address, port=self.port, decode_responses=True, socket_timeout=5, protocol=2
        )
        until(self.answers, WITHIN_S, f"{name} answers")

    @property
    def place(self) -> tuple[str, int]:
        return self.host.address, self.port

    @property
    def url(self) -> str:
        return f"redis://{self.host.address}:{self.port}/0"

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def follow(self, other: Server | None) -> None:
        """It becomes a replica of the other, or nobody's, and its connections stay."""
        host, port = (other.place[0], str(other.port)) if other else ("NO", "ONE")
        self.client.execute_command("REPLICAOF", host, port)

    def in_step(self) -> bool:
        """Whether as a replica it has all that its primary wrote."""
        state = self.client.info("replication")
        return bool(state.get("master_link_status") == "up" and not state.get("master_sync_in_progress"))

    def close(self) -> None:
        self.client.close()
        if self.process.alive:
            self.process.kill()


@contextmanager
def pair(folder: Path, *options: str) -> Iterator[tuple[Server, Server]]:
    """A primary, and a replica that has followed it."""
    with followed(folder, *options) as (first, second):
        yield first, second


@contextmanager
def followed(folder: Path, *options: str, replicas: int = 1, hosts: Sequence[Host] = ()) -> Iterator[list[Server]]:
    """A primary, and those that have followed it: each on one of the hosts, or all here."""
    servers: list[Server] = []
    try:
        for number, host in zip(range(1 + replicas), hosts or repeat(HERE), strict=False):
            servers.append(Server(folder, f"server{number}", "--repl-diskless-sync-delay", "0", *options, host=host))
        for replica in servers[1:]:
            replica.follow(servers[0])
            until(replica.in_step, WITHIN_S, "the replica follows")
        yield servers
    finally:
        for server in servers:
            server.close()


class Sentinels:
    """Who watch one primary: each on one of the hosts, or all here. `password`: theirs, and that of the primary."""

    def __init__(
        self,
        folder: Path,
        primary: tuple[str, int],
        *,
        count: int = 3,
        password: str = "",
        down_ms: int = 500,
        hosts: Sequence[Host] = (),
    ) -> None:
        hosts = hosts or [HERE] * count
        self.places = [(host.address, free_port()) for host in hosts]
        secrets = f'requirepass "{password}"\nsentinel auth-pass {SERVICE} "{password}"\n' if password else ""
        self._processes: list[Process] = []
        for number, (address, port) in enumerate(self.places):
            path = folder / f"sentinel{number}.conf"
            path.write_text(
                f"port {port}\nbind {address}\nprotected-mode no\ndir {folder}\n"
                f"sentinel monitor {SERVICE} {primary[0]} {primary[1]} {count // 2 + 1}\n"
                f"sentinel down-after-milliseconds {SERVICE} {down_ms}\n"
                f"sentinel failover-timeout {SERVICE} 4000\n"
                f"{secrets}"
            )
            command = hosts[number].inside([redis_command(port, folder)[0], str(path), "--sentinel"])
            process = Process(f"sentinel{number}", command, folder / f"sentinel{number}.log")
            process.start()
            self._processes.append(process)
        self._clients = [
            redis.Redis(host=address, port=port, password=password or None, decode_responses=True, protocol=2)
            for address, port in self.places
        ]
        until(self._all_know, WITHIN_S, "the Sentinels know each other, and a replica")

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'{address}:{port}' for address, port in self.places)}/{SERVICE}/0"

    def fail_over(self) -> None:
        """As an operator plans it."""
        until(self._may, 3 * WITHIN_S, "a failover is begun", every_s=0.2)  # the one before must have ended

    def primary(self) -> tuple[str, int]:
        """Its place, as most of them see it."""
        answers = [client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", SERVICE) for client in self._clients]
        places = [(str(address), int(port)) for address, port in answers]
        return max(set(places), key=places.count)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for process in self._processes:
            if process.alive:
                process.kill()

    def _may(self) -> bool:
        try:
            return bool(self._clients[0].execute_command("SENTINEL", "FAILOVER", SERVICE))
        except redis.RedisError:
            return False

    def _all_know(self) -> bool:
        try:
            states = [client.execute_command("SENTINEL MASTER", SERVICE) for client in self._clients]
        except redis.RedisError:
            return False
        others = len(self.places) - 1
        return all(one["num-other-sentinels"] == others and one["num-slaves"] >= bool(others) for one in states)
