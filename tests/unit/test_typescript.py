"""client/typescript/scriptqueue.d.ts is what `make types` makes of the API now, and how schemas are written there."""

from __future__ import annotations

from typing import Any

import pytest

from api.wiring import create_app
from shared.settings import Settings
from tests.typescript import FILE, comment, type_of, typescript_of


def test_the_file_is_that_of_the_api() -> None:
    assert FILE.read_text() == typescript_of(create_app(Settings()).openapi()), "run `make types`"


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({}, "unknown"),
        ({"type": "integer", "minimum": 1}, "number"),
        ({"$ref": "#/components/schemas/Job"}, "Job"),
        ({"enum": ["16:9", 24, None, True]}, '"16:9" | 24 | null | true'),
        ({"const": "雨"}, '"雨"'),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"type": "string"}}, "string[]"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, '("a" | "b")[]'),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "[number, string]"),
        ({"type": "object"}, "{ [key: string]: unknown }"),
        ({"type": "object", "additionalProperties": True}, "{ [key: string]: unknown }"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "{ [key: string]: number }"),
        (
            {"type": "object", "properties": {"a": {"type": "null"}, "b-c": {}}, "required": ["a"]},
            '{ a: null; "b-c"?: unknown; }',
        ),
        (
            {"properties": {"a": {"type": "string", "description": "one", "default": "x"}}},
            '{\n  /**\n   * one\n   * @default "x"\n   */\n  a?: string;\n}',
        ),
    ],
)
def test_a_schema_as_a_type(schema: dict[str, Any], written: str) -> None:
    assert type_of(schema) == written


@pytest.mark.parametrize("schema", [{"allOf": [{}]}, {"not": {}}, {"items": {"patternProperties": {}}}])
def test_a_keyword_that_nobody_wrote_down_yet_stops_it(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no TypeScript is known"):
        type_of(schema)


def test_what_is_written_about_a_field_cannot_end_its_comment() -> None:
    assert comment({"description": "any `*/*`"}) == "/** any `*\\/*` */\n"
