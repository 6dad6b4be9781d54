"""One line for a client, whatever Redis answered or stands behind an error of redis-py."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from shared.store.redis_words import reason_of

REFUSED = "Error 111 connecting to 127.0.0.1:6379. Connect call failed ('127.0.0.1', 6379)."


def while_loading(error: Exception) -> Exception:
    """As redis-py raises it: a server that was started anew knew no script, and went before it had run."""
    try:
        try:
            raise NoScriptError("NOSCRIPT No matching script.")
        except NoScriptError:
            raise error  # noqa: B904 - as redis-py does
    except Exception as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError(REFUSED), "Connection refused"),
        (while_loading(ConnectionError(REFUSED)), "Connection refused"),
        (while_loading(ConnectionError("Connection closed by server.")), "it closed the connection"),
        (ConnectionError("Error -2 connecting to redis:6379. Name or service not known."), "ConnectionError"),
        (
            ResponseError(
                "ERR MISCONF Errors writing to the AOF file: No space left on device script: on @user_script:237."
            ),
            "MISCONF Errors writing to the AOF file: No space left on device",
        ),
        (ResponseError(f"OOM command not allowed script: {'a' * 40}, on @user_script:7."), "OOM command not allowed"),
        (ResponseError("ERR value is not an integer"), "ERR value is not an integer"),
        (ResponseError("ERR DB index is out of range"), "ERR DB index is out of range"),
    ],
)
def test_one_line_says_why(error: Exception, words: str) -> None:
    assert reason_of(error).startswith(words)
    assert "script" not in reason_of(error)
