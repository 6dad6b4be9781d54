"""Addresses, passwords and strangers' words, without a network."""

from __future__ import annotations

import httpx
import pytest

from models import web
from shared.errors import ModelUnavailable


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://huggingface.co", True),
        ("HTTPS://huggingface.co", True),
        ("http://huggingface.co", False),
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:80", True),
        ("http://localhost.evil.test", False),
        ("http://127.0.0.1.evil.test", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://169.254.169.254", False),
    ],
)
def test_secrets_are_kept_by_https_and_by_this_machine(address: str, *, kept: bool) -> None:
    assert web.keeps_secrets(httpx.URL(address)) is kept


@pytest.mark.parametrize("address", ["https://hub.test", "https://hub.test/", "https://hub.test/sub/"])
def test_an_endpoint_loses_its_last_slash(address: str) -> None:
    assert web.endpoint_url(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address", ["", "hub.test", "ftp://hub.test", "https://", "https://h/?q", "https://h/#f", "a\nb"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ModelUnavailable, match="is no address"):
        web.endpoint_url(address)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fatal: unable to access 'https://user:hf_x@hub.test/a/'", "fatal: unable to access 'https://hub.test/a/'"),
        ("HTTPS://hf_x@hub.test, http://a:b@c", "HTTPS://hub.test, http://c"),
        ("two\nlines\r\n\x1b[31mred\x1b[0m\0", "two lines [31mred [0m"),
        ("\ud800\u202egnp", "gnp"),
        ("mail user@hub.test", "mail user@hub.test"),
        ("x" * 300, "x" * 200 + "..."),
    ],
)
def test_what_others_write_is_shown_in_one_line_without_passwords(text: str, line: str) -> None:
    assert web.one_line(text) == line


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": "Basic eA=="}, {"X-Amz-Date": "1", "b": ""}])
def test_headers_of_a_server_are_taken(headers: dict[str, str] | None) -> None:
    assert web.header_values(headers) == (headers or {})


@pytest.mark.parametrize(
    "headers",
    [
        {"a": 1},
        {"a": None},
        {"a b": "c"},
        {"a": "b\r\nHost: c"},
        {"a\n": "b"},
        {"Host": "c"},
        {"range": "bytes=0-0"},
        {"ä": "b"},
        {"a": "ä"},
        {7: "b"},
        {"Accept-Encoding": "gzip"},
    ],
)
def test_headers_that_would_be_another_request_are_not(headers: dict[object, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        web.header_values(headers)
