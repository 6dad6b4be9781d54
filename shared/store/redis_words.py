"""What an error of Redis, or on the way to it, means in one line: for the log, for the answer to a client, for doctor.

The line holds the server's own first words and never an address, a user, a password or what a command was given.
Knows redis-py's errors and the system's; not what was being done.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    MaxConnectionsError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from shared.redis_primary import Demoted, NoPrimary

_CHARACTERS = 200  # of the line; MISCONF takes more to say what to do
# What it says that no time mends, where redis-py has no class for it.
_STAYS = re.compile(
    r"NOPERM|ACL failure in script|no permissions to|DB index is out of range|invalid DB index|unknown command"
    r"|No such master with that name",
    re.IGNORECASE,
)
# Of TLS: a certificate that no time makes one to be trusted, or a side that speaks something else.
_TLS_STAYS = re.compile("CERTIFICATE(?!_EXPIRED)|UNKNOWN_CA|WRONG_VERSION|PROTOCOL_VERSION|HANDSHAKE_FAILURE")
_OF_THE_DAY = (9, 10)  # OpenSSL's codes of what is not valid yet, or no longer
_OF_SERVER = "max number of clients reached"  # redis-py takes it for a fault of the connection
_CLOSED = re.compile("Connection closed by server|Connection lost|Connection reset|Broken pipe")
_ARGUMENTS = re.compile(r",? with args beginning with.*")
_USER = re.compile(r"\bUser \S+ has\b")
_PLACE = re.compile(r" script: (?:[0-9a-f]{40}, )?on @.*")
_CODE_WITHIN = re.compile(r"^ERR (?=[A-Z]{4,} )")  # a script passed on what a command was refused by
_NUMBERED = re.compile(r"Error (\d+) ")  # redis-py's, where the system's own error is no longer behind it


def reason_of(error: BaseException) -> str:
    """One line."""
    # What TLS refuses, redis-py gives the number of one of the system's errors ("Operation not permitted").
    for cause in sorted(_causes(error), key=lambda cause: not isinstance(cause, ssl.SSLError)):
        # redis-py was about to load a script; that is never why it failed.
        if not isinstance(cause, NoScriptError) and (words := _words(cause)):
            return words
    return type(error).__name__


def is_answer(error: BaseException) -> bool:
    """Whether the server itself answered this."""
    return any(map(_answered, _causes(error)))


def stays(error: BaseException) -> bool:
    """Whether Redis refuses this for good: the same would be refused again until somebody changes something."""
    return any(
        isinstance(cause, AuthenticationError | AuthorizationError | NoPermissionError)
        or (isinstance(cause, RedisError) and _STAYS.search(str(cause)))
        or (isinstance(cause, ssl.SSLError) and _tls_stays(cause))
        for cause in _causes(error)
    )


def of_tls(error: BaseException) -> bool:
    """Whether TLS refused it, before the server was asked anything."""
    return any(isinstance(cause, ssl.SSLError) for cause in _causes(error))


def _tls_stays(error: ssl.SSLError) -> bool:
    return bool(_TLS_STAYS.search(error.reason or "")) and getattr(error, "verify_code", 0) not in _OF_THE_DAY


def _causes(error: BaseException) -> Iterator[BaseException]:
    """redis-py and kombu wrap what the system or the server answered, not always saying from what."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _answered(error: BaseException) -> bool:
    by_server = isinstance(error, ResponseError) or getattr(error, "status_code", None) or str(error) == _OF_SERVER
    return isinstance(error, RedisError) and bool(by_server)


def _words(error: BaseException) -> str:
    if isinstance(error, Demoted) and not error.__cause__:
        return "the Sentinels name another primary"
    if isinstance(error, NoPrimary):
        return "no primary is up that the Sentinels know of"
    if isinstance(error, MaxConnectionsError):
        return "every connection that REDIS__MAX_CONNECTIONS allows is in use"
    if _answered(error):
        return _of_server(str(error), getattr(error, "status_code", None) or "")
    if isinstance(error, RedisError | OSError) and _CLOSED.search(str(error)):
        return "it closed the connection, as it does with new ones at its maxclients"
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", "").partition(",")[0]  # then comes the name that it is not valid for
        return ": ".join(filter(None, ("TLS", (error.reason or "failed").replace("_", " ").lower(), why)))
    if isinstance(error, socket.gaierror):
        return "the name of its host is not known"
    if isinstance(error, TimeoutError | OSError) and not getattr(error, "errno", None):
        return "no answer in time" if "imeout" in type(error).__name__ else ""
    if isinstance(error, RedisError) and (numbered := _NUMBERED.match(str(error))):
        return os.strerror(int(numbered[1]))
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""


def _of_server(text: str, code: str) -> str:
    """`code`: the server's first word, where redis-py took it off."""
    line = (text.splitlines() or [""])[0]
    line = _PLACE.sub("", _USER.sub("this user has", _ARGUMENTS.sub("", line)))
    line = _CODE_WITHIN.sub("", line if not code or line.startswith(code) else f"{code} {line}")
    return line if len(line) <= _CHARACTERS else f"{line[:_CHARACTERS]} ..."
