"""One line for a client, whatever Redis answered or stands behind an error of redis-py."""

from __future__ import annotations

import ssl

import pytest
from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from shared.store.redis_words import reason_of, stays

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


def over_tls(reason: str, code: int = 0, message: str = "") -> Exception:
    """As redis-py raises it: with a number that it takes for one of the system's."""
    fault = ssl.SSLCertVerificationError(1, "") if code else ssl.SSLError(1, "")
    fault.reason = reason
    if isinstance(fault, ssl.SSLCertVerificationError):
        fault.verify_code, fault.verify_message = code, message
    try:
        raise ConnectionError(f"Error 1 connecting to redis:6379. [SSL: {reason}] (_ssl.c:1006).") from fault
    except ConnectionError as raised:
        return raised


@pytest.mark.parametrize(
    ("error", "words", "for_good"),
    [
        (
            over_tls("CERTIFICATE_VERIFY_FAILED", 62, "Hostname mismatch, certificate is not valid for 'redis'."),
            "TLS: certificate verify failed: Hostname mismatch",
            True,
        ),
        (
            over_tls("CERTIFICATE_VERIFY_FAILED", 20, "unable to get local issuer certificate"),
            "TLS: certificate verify failed: unable to get local issuer certificate",
            True,
        ),
        (
            over_tls("CERTIFICATE_VERIFY_FAILED", 10, "certificate has expired"),
            "TLS: certificate verify failed: certificate has expired",
            False,
        ),
        (over_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS: tlsv13 alert certificate required", True),
        (over_tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "TLS: sslv3 alert certificate expired", False),
        (over_tls("TLSV1_ALERT_UNKNOWN_CA"), "TLS: tlsv1 alert unknown ca", True),
        (over_tls("WRONG_VERSION_NUMBER"), "TLS: wrong version number", True),
        (over_tls("UNEXPECTED_EOF_WHILE_READING"), "TLS: unexpected eof while reading", False),
    ],
)
def test_what_tls_refuses_is_no_error_of_the_system(error: Exception, words: str, for_good: bool) -> None:
    """celery/celery#6455: who met it read of another fault."""
    assert (reason_of(error), stays(error)) == (words, for_good)
