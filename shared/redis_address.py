"""Where Redis is: REDIS__URL, read once. redis-py, Celery and Flower each read such a URL in their own way, so they are
given what was read here: one server, or Sentinels who know which server of a service is the primary.

Knows the forms that hosts of Redis, redis-py and Celery write; makes no connection. What an error says never repeats a
part of the URL: any part may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

PORT, SENTINEL_PORT = 6379, 26379
SOCKET = "unix"
SENTINEL = "+sentinel"  # after a scheme: its hosts are Sentinels, and the path begins with the service
TLS = {"redis": False, "valkey": False, "rediss": True, "valkeys": True, SOCKET: False}  # by scheme
_SERVICE = re.compile(r"[\w.-]+")  # as Sentinel itself takes names
_WHERE = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.]+(%\w+)?)\]|(?P<host>[\w.-]*))(:(?P<port>[0-9]{1,5}))?")
_OWN_SETTING = {
    **dict.fromkeys(("timeout", "socket_timeout", "socket_connect_timeout"), "REDIS__TIMEOUT_S"),
    "max_connections": "REDIS__MAX_CONNECTIONS",
}


def _truth(value: str) -> bool:
    if value.lower() not in {"true", "yes", "1", "false", "no", "0"}:
        raise ValueError("true or false")
    return value.lower() in {"true", "yes", "1"}


def _seconds(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value):
        raise ValueError("whole seconds")
    return int(value)


def _existing(value: str) -> str:
    if not Path(value).exists():
        raise ValueError("a path that exists here")
    return value


def _verified(value: str) -> str:
    """redis-py's word for it; Celery's begin with CERT_."""
    word = value.lower().removeprefix("cert_")
    if word not in {"required", "optional", "none"}:
        raise ValueError("required, optional or none")
    return word


# What may stand after `?`, and how it is read. The same names are the arguments of redis-py and of kombu.
_TAKEN: Mapping[str, Callable[[str], Any]] = {
    "username": str,
    "password": str,
    "client_name": str,
    "health_check_interval": _seconds,
    "socket_keepalive": _truth,
}
_TAKEN_WITH_TLS: Mapping[str, Callable[[str], Any]] = {
    "ssl_cert_reqs": _verified,
    "ssl_ca_certs": _existing,
    "ssl_ca_path": _existing,
    "ssl_certfile": _existing,
    "ssl_keyfile": _existing,
    "ssl_check_hostname": _truth,
}
_TAKEN_WITH_SENTINELS: Mapping[str, Callable[[str], Any]] = {"sentinel_username": str, "sentinel_password": str}
_DATABASE = ("db", "virtual_host")  # redis-py's name and kombu's


@dataclass(frozen=True)
class RedisAddress:
    """`socket`: the path of a unix socket, where host and port mean nothing; nor do they where `sentinels` (host, port)
    name the primary of `service`. `options` are redis-py's, `sentinel_login` what Sentinels want: user and password."""

    host: str = "localhost"
    port: int = PORT
    socket: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def place(self) -> str:
        """For people: without user, password and options."""
        if self.sentinels:
            return f"{self.service} (of the Sentinels {', '.join(_at(*one) for one in self.sentinels)})"
        return self.socket or _at(self.host, self.port)

    @property
    def connection(self) -> dict[str, Any]:
        """The arguments of redis-py's connection of this kind (plain, TLS or socket)."""
        where: dict[str, Any] = {} if self.sentinels else {"host": self.host, "port": self.port}
        where = {"path": self.socket} if self.socket else where
        return {**where, "db": self.database, "username": self.username, "password": self.password, **self.options}

    def sentinel_connections(self, timeout_s: float) -> list[dict[str, Any]]:
        """The arguments of redis-py's clients of the Sentinels."""
        tls = {name: value for name, value in self.options.items() if name in _TAKEN_WITH_TLS} | {"ssl": self.tls}
        waits = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": None, "protocol": 2}
        return [{"host": host, "port": port, **tls, **waits, **self.sentinel_login} for host, port in self.sentinels]

    @property
    def celery_url(self) -> str:
        """The same for Celery and Flower: no options, each part written as they read it."""
        secrets = "" if self.password is None else f":{quote(self.password, safe='')}"
        user = f"{quote(self.username or '', safe='')}{secrets}"
        user = f"{user}@" if user else ""
        if self.sentinels:
            return ";".join(f"sentinel://{user}{_at(*one)}/{self.database}" for one in self.sentinels)
        if self.socket:
            return f"redis+socket://{user}{quote(self.socket)}?virtual_host={self.database}"
        return f"redis{'s' if self.tls else ''}://{user}{self.place}/{self.database}"

    @property
    def celery_tls(self) -> dict[str, Any] | None:
        """Celery's `broker_use_ssl`; None: no TLS."""
        if not self.tls:
            return None
        return {
            "ssl_cert_reqs": "required",
            **{name: value for name, value in self.options.items() if name in _TAKEN_WITH_TLS},
        }

    @property
    def celery_options(self) -> dict[str, Any]:
        """What kombu, and Flower, take as options of the transport."""
        options = {name: value for name, value in self.options.items() if name not in _TAKEN_WITH_TLS}
        if self.sentinels:
            options |= {"master_name": self.service, "sentinel_kwargs": dict(self.sentinel_login)}
        return options


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_address(url: str) -> RedisAddress:
    """Raises ValueError, in words without any part of the URL."""
    scheme, slashes, rest = url.partition("://")
    by_sentinels = scheme.lower().endswith(SENTINEL)
    scheme = scheme.lower().removesuffix(SENTINEL)
    if not slashes or scheme not in TLS or (by_sentinels and scheme == SOCKET):
        raise ValueError("must start with redis://, rediss:// (TLS), unix:// (a socket) or redis+sentinel://")
    if any(letter.isspace() or not letter.isprintable() for letter in rest):
        raise ValueError("holds a blank or a line break; in a password, a blank is written %20")
    if "#" in rest:
        raise ValueError("holds a `#`; in a password it is written %23")
    where, _, query = rest.partition("?")
    authority, slash, path = where.partition("/")
    user, _, host = authority.rpartition("@")
    socket = scheme == SOCKET
    if socket and (host or not path):
        raise ValueError("a socket is unix:///run/redis.sock or unix://:PASSWORD@/run/redis.sock, its `/` written %2F")
    if not socket and "@" in path + query:  # it ends a password whose `/` or `?` was taken for the end of the host
        raise ValueError("a `/` in a password is written %2F, a `?` %3F, and an `@` elsewhere %40")
    options = _options(query, tls=TLS[scheme], by_sentinels=by_sentinels)
    service, path = _service(path) if by_sentinels else ("", path)
    sentinel_login = {
        name: options.pop(f"sentinel_{name}") for name in ("username", "password") if f"sentinel_{name}" in options
    }
    databases = [options.pop(name) for name in _DATABASE if name in options]
    if not socket and path.rstrip("/"):
        databases.append(path.rstrip("/"))
    username, password = _login(user, options)
    return RedisAddress(
        **({"socket": unquote(slash + path)} if socket else _hosts(host) if by_sentinels else _host(host)),
        service=service,
        sentinel_login=sentinel_login,
        username=username,
        password=password,
        database=_database(databases),
        tls=TLS[scheme],
        options=options,
    )


def _login(user: str, options: dict[str, Any]) -> tuple[str | None, str | None]:
    """From before the `@`, or taken out of the options, where redis-py's URLs of sockets have it."""
    name, colon, password = user.partition(":")
    if (name and "username" in options) or (colon and "password" in options):
        raise ValueError("it names its user or its password twice")
    found = options.pop("username", None), options.pop("password", None)
    return unquote(name) or found[0], unquote(password) if colon else found[1]


def _service(path: str) -> tuple[str, str]:
    """It, and the rest of the path."""
    service, _, rest = path.partition("/")
    if not _SERVICE.fullmatch(service):
        raise ValueError("Sentinels need the name of their service: `redis+sentinel://HOST,HOST:26379/SERVICE/0`")
    return service, rest


def _hosts(text: str) -> dict[str, Any]:
    """Of Sentinels."""
    found = [_host(one, SENTINEL_PORT) for one in text.split(",")]
    return {"sentinels": tuple((one["host"], one["port"]) for one in found)}


def _host(text: str, port_else: int = PORT) -> dict[str, Any]:
    found = _WHERE.fullmatch(text)
    if found is None:
        raise ValueError("its host and port are not one host and one port: `redis://HOST:6379/0`, IPv6 in brackets")
    port = int(found["port"] or port_else)
    if not 1 <= port <= 65535:
        raise ValueError("its port must be from 1 to 65535")
    return {"host": found["v6"] or found["host"] or "localhost", "port": port}


def _database(given: list[str]) -> int:
    """Redis itself knows how many it has."""
    if any(not re.fullmatch(r"[0-9]{1,6}", number) for number in given):
        raise ValueError("its database must be a number: `redis://HOST:6379/0`")
    if len({int(number) for number in given}) > 1:
        raise ValueError("it names two databases")
    return int(given[0]) if given else 0


def _options(query: str, *, tls: bool, by_sentinels: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name in _OWN_SETTING:
            raise ValueError(f"its option {name} is the setting {_OWN_SETTING[name]} here")
        if name in _TAKEN_WITH_TLS and not tls:
            raise ValueError(f"its option {name} needs rediss://")
        if name in _TAKEN_WITH_SENTINELS and not by_sentinels:
            raise ValueError(f"its option {name} needs redis+sentinel://")
        if name in options:
            raise ValueError(f"it has the option {name} twice")
        options[name] = _read(name, unquote(value))
    return options


def _read(name: str, value: str) -> Any:
    readers: dict[str, Callable[[str], Any]] = {
        **_TAKEN,
        **_TAKEN_WITH_TLS,
        **_TAKEN_WITH_SENTINELS,
        **dict.fromkeys(_DATABASE, str),
    }
    if name not in readers:
        raise ValueError(f"it has an option that is not taken here; these are: {', '.join(readers)}")
    try:
        return readers[name](value)
    except ValueError as error:
        raise ValueError(f"its option {name} must be {error}") from None
