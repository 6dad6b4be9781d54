"""What is refused at the door: each fault with its status, code and pointer, and nothing queued afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/json"}

# (the fields beside a good prompt, the pointer, the code)
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": ""}, "/prompt", "string_too_short"),
    ({"prompt": " \n\u3000"}, "/prompt", "blank"),
    ({"prompt": "x" * 5000}, "/prompt", "string_too_long"),
    ({"prompt": "林" * 4001}, "/prompt", "string_too_long"),
    ({"prompt": 7}, "/prompt", "string_type"),
    ({"prompt": None}, "/prompt", "string_type"),
    ({"prompt": ["x"]}, "/prompt", "string_type"),
    ({"promt": "x"}, "/promt", "extra_forbidden"),
    ({"a/b~c": 1}, "/a~1b~0c", "extra_forbidden"),
    ({"min_scenes": 0}, "/min_scenes", "greater_than_equal"),
    ({"min_scenes": 61, "max_scenes": 60}, "/min_scenes", "less_than_equal"),
    ({"min_scenes": "3"}, "/min_scenes", "int_type"),
    ({"min_scenes": 3.5}, "/min_scenes", "int_type"),
    ({"min_scenes": True}, "/min_scenes", "int_type"),
    ({"max_scenes": 61}, "/max_scenes", "less_than_equal"),
    ({"max_scenes": 0}, "/max_scenes", "greater_than_equal"),
    ({"min_scenes": 5, "max_scenes": 4}, "/max_scenes", "scene_limits"),
    ({"target_duration_s": 0}, "/target_duration_s", "greater_than"),
    ({"target_duration_s": 8}, "/target_duration_s", "unreachable_duration"),
    ({"target_duration_s": 64.5}, "/target_duration_s", "unreachable_duration"),
    ({"target_duration_s": 15, "targets": ["veo-3.1"]}, "/target_duration_s", "unreachable_duration"),
    ({"style": "水" * 200, "targets": ["wan-2.2"]}, "/style", "target_limits"),
    ({"targets": ["wan"]}, "/targets/0", "literal_error"),
    ({"target_duration_s": "24"}, "/target_duration_s", "float_type"),
    ({"language": "en_US"}, "/language", "language_tag"),
    ({"language": "fr-ZZ"}, "/language", "unknown_language"),
    ({"quality_keywords": ""}, "/quality_keywords", "string_too_short"),
    ({"quality_keywords": "  "}, "/quality_keywords", "blank"),
    ({"quality_keywords": "x" * 501}, "/quality_keywords", "string_too_long"),
    ({"sampling": None}, "/sampling", "model_attributes_type"),
    ({"sampling": {"temperature": 2.1}}, "/sampling/temperature", "less_than_equal"),
    ({"sampling": {"temperature": -0.1}}, "/sampling/temperature", "greater_than_equal"),
    ({"sampling": {"top_p": 0}}, "/sampling/top_p", "greater_than"),
    ({"sampling": {"top_p": 1.01}}, "/sampling/top_p", "less_than_equal"),
    ({"sampling": {"seed": -1}}, "/sampling/seed", "greater_than_equal"),
    ({"sampling": {"seed": 2**53}}, "/sampling/seed", "less_than_equal"),
    ({"sampling": {"do_sample": "yes"}}, "/sampling/do_sample", "bool_type"),
    ({"sampling": {"max_new_tokens": 0}}, "/sampling/max_new_tokens", "greater_than_equal"),
    ({"sampling": {"max_new_tokens": 16385}}, "/sampling/max_new_tokens", "less_than_equal"),
    ({"sampling": {"max_new_tokens": 59}}, "/sampling", "too_few_tokens"),
    ({"sampling": {"top_k": 5}}, "/sampling/top_k", "extra_forbidden"),
    ({"priority": "urgent"}, "/priority", "literal_error"),
    ({"allow_fallback": 1}, "/allow_fallback", "bool_type"),
    ({"use_cache": "false"}, "/use_cache", "bool_type"),
    ({"queue_timeout_s": 0}, "/queue_timeout_s", "greater_than"),
    ({"queue_timeout_s": 7 * 86400 + 1}, "/queue_timeout_s", "less_than_equal"),
    ({"execution_timeout_s": -1}, "/execution_timeout_s", "greater_than"),
    ({"execution_timeout_s": 86401}, "/execution_timeout_s", "less_than_equal"),
    ({"result_ttl_s": 0.5}, "/result_ttl_s", "greater_than_equal"),
    ({"result_ttl_s": 31 * 86400}, "/result_ttl_s", "less_than_equal"),
    ({"deadline": "tomorrow"}, "/deadline", "datetime_type"),
    ({"deadline": "2099-01-01T00:00:00"}, "/deadline", "datetime_type"),
    ({"deadline": 4070908800}, "/deadline", "datetime_type"),
    ({"webhook": {"url": "ftp://example.com"}}, "/webhook/url", "url"),
    ({"webhook": {"url": "http://"}}, "/webhook/url", "url"),
    ({"webhook": {"url": "https://[::1"}}, "/webhook/url", "url"),
    ({"webhook": {"url": "https://user:word@example.com"}}, "/webhook/url", "url_credentials"),
    ({"webhook": {}}, "/webhook/url", "missing"),
    ({"webhook": {"url": "https://example.com", "events": []}}, "/webhook/events", "too_short"),
    ({"webhook": {"url": "https://example.com", "events": ["done", "all"]}}, "/webhook/events/1", "literal_error"),
    ({"metadata": "x"}, "/metadata", "dict_type"),
    ({"metadata": {"x": "y" * 4096}}, "/metadata", "too_long"),
    ({"metadata": {"x": "林" * 1400}}, "/metadata", "too_long"),
]

# (the body as sent, the detail's beginning)
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "Expecting value"),
    "prose": (b"prompt=x", "Expecting value"),
    "cut off": (b'{"prompt": "x"', "Expecting"),
    "two values": (b'{"prompt": "x"} {}', "Extra data"),
    "trailing comma": (b'{"prompt": "x",}', ""),
    "single quotes": (b"{'prompt': 'x'}", "Expecting property name"),
    "NaN": (b'{"prompt": "x", "target_duration_s": NaN}', "NaN is not JSON"),
    "Infinity": (b'{"prompt": "x", "sampling": {"temperature": -Infinity}}', "-Infinity is not JSON"),
    "duplicate keys": (b'{"prompt": "x", "prompt": "y"}', 'the key "prompt" stands twice'),
    "duplicate keys deep down": (b'{"prompt": "x", "metadata": {"a": {"b": 1, "b": 1}}}', 'the key "b" stands twice'),
    "not UTF-8": (b'{"prompt": "\xff"}', "not UTF-8 at byte 12"),
    "UTF-16": ('{"prompt": "x"}'.encode("utf-16"), "not UTF-8"),
    "a byte order mark": (b'\xef\xbb\xbf{"prompt": "x"}', ""),
    "too deep": (b'{"prompt": "x", "metadata": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}", "nested deeper"),
    "far too deep": (b"[" * 60_000, "nested deeper"),
    "a number without end": (b'{"prompt": "x", "min_scenes": ' + b"9" * 5000 + b"}", "a number has 5000 digits"),
    "a raw control character": (b'{"prompt": "a\x00b"}', "Invalid control character"),
}


@pytest.fixture
def door(lasting_api: httpx.Client, redis_url: str) -> Iterator[httpx.Client]:
    """An API that must have nothing in its queue afterwards."""
    yield lasting_api
    queue = lasting_api.get("/queue").json()
    assert (queue["depth"], queue["running"]) == ({"high": 0, "normal": 0, "low": 0}, 0)


@pytest.mark.parametrize(
    ("fields", "pointer", "code"), FAULTS, ids=[f"{p}-{c}-{n}" for n, (_, p, c) in enumerate(FAULTS)]
)
def test_a_field_at_fault_is_named_with_its_pointer_and_code(
    door: httpx.Client, fields: dict[str, Any], pointer: str, code: str
) -> None:
    response = door.post("/jobs", json={"prompt": "森林", **fields})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == [(pointer, code)]
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "body", "pointer", "detail"),
    [
        ("/jobs", {"promt": "x"}, "/promt", "no such field; did you mean prompt?"),
        ("/jobs", {"max_scene": 4}, "/max_scene", "no such field; did you mean max_scenes?"),
        ("/jobs", {"maxScenes": 4}, "/maxScenes", "no such field; did you mean max_scenes?"),
        ("/jobs", {"MIN_SCENES": 4}, "/MIN_SCENES", "no such field; did you mean min_scenes?"),
        ("/jobs", {"target_duration": 20}, "/target_duration", "no such field; did you mean target_duration_s?"),
        ("/jobs", {"web_hook": {}}, "/web_hook", "no such field; did you mean webhook?"),
        ("/jobs", {"colour": "red"}, "/colour", "no such field"),
        ("/jobs", {"": 1}, "/", "no such field"),
        ("/jobs", {"颜色": 1}, "/颜色", "no such field"),
        ("/jobs", {"prompt" * 9_000: 1}, "/" + "prompt" * 9_000, "no such field"),
        ("/jobs", {"sampling": {"top-p": 1}}, "/sampling/top-p", "no such field; did you mean top_p?"),
        ("/jobs", {"sampling": {"temprature": 1}}, "/sampling/temprature", "no such field; did you mean temperature?"),
        ("/jobs", {"sampling": {"promt": 1}}, "/sampling/promt", "no such field"),
        ("/jobs", {"temprature": 1}, "/temprature", "no such field"),
        (
            "/jobs",
            {"webhook": {"url": "https://example.com", "event": ["done"]}},
            "/webhook/event",
            "no such field; did you mean events?",
        ),
        ("/batches", {"job": []}, "/job", "no such field; did you mean jobs?"),
        ("/batches", {"jobs": [{"promt": "x"}]}, "/jobs/0/promt", "no such field; did you mean prompt?"),
        (
            "/batches",
            {"jobs": [{"prompt": "x", "sampling": {"sed": 1}}]},
            "/jobs/0/sampling/sed",
            "no such field; did you mean seed?",
        ),
    ],
    ids=range(18),
)
def test_a_field_that_is_not_there_is_told_with_the_one_that_may_be_meant(
    door: httpx.Client, path: str, body: dict[str, Any], pointer: str, detail: str
) -> None:
    response = door.post(path, json=body)

    assert response.status_code == 422
    assert {"pointer": pointer, "code": "extra_forbidden", "detail": detail} in response.json()["errors"]


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("/jobs?statuses=done", "no such parameter; did you mean status?"),
        ("/jobs?Status=done", "no such parameter; did you mean status?"),
        ("/jobs?limits=3", "no such parameter; did you mean limit?"),
        ("/jobs?colour=red", "no such parameter"),
        ("/jobs?curser=x", "no such parameter; did you mean cursor?"),
        ("/queue?status=done", "no such parameter"),
    ],
)
def test_a_parameter_that_is_not_there_is_told_with_the_one_that_may_be_meant(
    door: httpx.Client, url: str, detail: str
) -> None:
    response = door.get(url)

    (name,) = httpx.URL(url).params
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"pointer": f"/{name}", "code": "extra_forbidden", "detail": f"parameter {name}: {detail}"}
    ]


def test_every_fault_has_an_entry_of_its_own(door: httpx.Client) -> None:
    response = door.post("/jobs", json={"min_scenes": 0, "sampling": {"top_p": 3}, "colour": "red"})

    pointers = {fault["pointer"]: fault["code"] for fault in response.json()["errors"]}
    assert pointers == {
        "/prompt": "missing",
        "/min_scenes": "greater_than_equal",
        "/sampling/top_p": "less_than_equal",
        "/colour": "extra_forbidden",
    }


@pytest.mark.parametrize("body", [[], "x", 7, None, True], ids=json.dumps)
def test_a_body_that_is_no_object_is_refused_as_a_whole(door: httpx.Client, body: Any) -> None:
    response = door.post("/jobs", content=json.dumps(body), headers=JSON)

    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["errors"]] == [""]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_body_that_is_not_well_formed_json_is_400(door: httpx.Client, name: str) -> None:
    body, detail = MALFORMED[name]

    response = door.post("/jobs", content=body, headers=JSON)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")
    assert response.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (r'{"prompt": "\ud800"}', "/prompt"),
        (r'{"prompt": "x\udc00y"}', "/prompt"),
        (r'{"prompt": "x", "quality_keywords": "\udfff"}', "/quality_keywords"),
        (r'{"prompt": "x", "metadata": {"a": "\ud800"}}', "/metadata"),
        (r'{"prompt": "x", "metadata": {"\ud800": 1}}', "/metadata"),
        (r'{"prompt": "x", "\ud800": 1}', ""),
        (r'{"prompt": "x", "language": "\ud800"}', "/language"),
        (r'{"prompt": "x", "webhook": {"url": "https://example.com/\ud800"}}', "/webhook/url"),
    ],
)
def test_half_a_character_is_refused_where_it_stands(door: httpx.Client, text: str, pointer: str) -> None:
    response = door.post("/jobs", content=text, headers=JSON)

    assert response.status_code == 422
    assert all(fault["pointer"].startswith(pointer) for fault in response.json()["errors"])


def test_a_number_beyond_every_double_is_refused(door: httpx.Client) -> None:
    for field in ("target_duration_s", "queue_timeout_s"):
        response = door.post("/jobs", content=f'{{"prompt": "x", "{field}": 1e999}}', headers=JSON)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, f"/{field}")
    response = door.post("/jobs", content='{"prompt": "x", "metadata": {"a": [1e999]}}', headers=JSON)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/metadata/a/0")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_of_another_type_is_415(door: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    response = door.post("/jobs", content=b'{"prompt": "x"}', headers=headers)

    assert (response.status_code, response.json()["code"]) == (415, "not_json")


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "utf8", "us-ascii"])
def test_json_with_the_charset_of_json_is_json(api: httpx.Client, charset: str) -> None:
    headers = {"Content-Type": f"Application/JSON; charset={charset}"}

    assert api.post("/jobs", content=b'{"prompt": "x"}', headers=headers).status_code == 202


@pytest.mark.parametrize("charset", ["gbk", "GB2312", "utf-16", "iso-8859-1", "nonsense", ""])
def test_json_in_another_charset_is_415(door: httpx.Client, charset: str) -> None:
    body = '{"prompt": "caf\u00e9"}'.encode("latin-1")

    response = door.post("/jobs", content=body, headers={"Content-Type": f"application/json; charset={charset}"})

    assert (response.status_code, response.json()["code"]) == (415, "not_json")
    assert charset in response.json()["detail"]


def test_a_body_over_1_mib_is_413_with_and_without_its_length(door: httpx.Client) -> None:
    body = b'{"prompt": "' + b"x" * 1024 * 1024 + b'"}'

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    whole = door.post("/jobs", content=body, headers=JSON)
    chunked = door.post("/jobs", content=chunks(), headers=JSON)

    assert [(r.status_code, r.json()["code"]) for r in (whole, chunked)] == [(413, "body_too_large")] * 2


def test_a_fault_does_not_echo_what_was_sent(door: httpx.Client) -> None:
    response = door.post("/jobs", json={"prompt": "a secret plan", "language": "a secret plan", "min_scenes": 0})

    assert "secret" not in response.text


def test_of_a_thousand_faults_the_first_hundred_are_shown(door: httpx.Client) -> None:
    response = door.post("/jobs", json={"prompt": "x", **{f"f{n}": 1 for n in range(1000)}})

    assert len(response.json()["errors"]) == 100
    assert "more than 100 faults" in response.json()["detail"]


def test_a_path_or_method_that_is_not_there_is_a_problem_too(door: httpx.Client) -> None:
    nowhere, wrong = door.get("/nowhere"), door.put("/jobs", json={})

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "no_such_path")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, HEAD, POST"
