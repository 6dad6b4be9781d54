"""`make types`: client/typescript/scriptqueue.d.ts, the API's OpenAPI document as TypeScript.

Owns how a schema is written in TypeScript; knows no schema by name. The shapes are exported by their names; `paths`,
`webhooks` and `components` have the layout of openapi-typescript, so that openapi-fetch takes `paths` as it is. Without
node, so that a test can hold the file against the document anywhere.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from api.wiring import create_app
from shared.settings import Settings

FILE = Path(__file__).parents[1] / "client" / "typescript" / "scriptqueue.d.ts"
HEAD = """\
// The API of scriptqueue. Made by `make types` of its OpenAPI document; do not edit.

interface Headers { [name: string]: unknown }
"""
PLAIN = {None: "unknown"} | {one: one for one in ("string", "number", "boolean", "null")} | {"integer": "number"}
PLACES = ("query", "header", "path", "cookie")
HEEDED = "$ref enum const anyOf type prefixItems items properties required additionalProperties"
OF_VALUES = "minimum maximum exclusiveMinimum minLength maxLength minItems maxItems pattern format propertyNames"
KNOWN = {*HEEDED.split(), *OF_VALUES.split(), "title", "description", "default", "examples"}
Schema = dict[str, Any]


def type_of(schema: Schema) -> str:
    """A schema as a type. Raises ValueError for a keyword that is not known here."""
    if unknown := schema.keys() - KNOWN:
        raise ValueError(f"no TypeScript is known for {sorted(unknown)}")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if literals := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " | ".join(json.dumps(one, ensure_ascii=False) for one in literals)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    if "prefixItems" in schema:
        return f"[{', '.join(map(type_of, schema['prefixItems']))}]"
    if "items" in schema:
        return f"({item})[]" if " | " in (item := type_of(schema["items"])) else f"{item}[]"
    if properties := schema.get("properties"):
        required = schema.get("required", ())
        return block([entry(name, type_of(one), one, name in required) for name, one in properties.items()])
    if schema.get("type") == "object":
        others = schema.get("additionalProperties")
        return f"{{ [key: string]: {type_of(others) if isinstance(others, dict) else 'unknown'} }}"
    return PLAIN[schema.get("type")]


def block(entries: list[str]) -> str:
    if "\n" not in (line := f"{{ {' '.join(entries)} }}") and len(line) <= 100:
        return line if entries else "{}"
    inner = "\n".join(entries).replace("\n", "\n  ")
    return f"{{\n  {inner}\n}}"


def entry(name: str, of: str, about: Schema | None = None, required: bool = True) -> str:
    """`name: type;` below what is written about it."""
    shown = name if re.fullmatch(r"[A-Za-z_$][\w$]*|\d+", name) else json.dumps(name)
    return f"{comment(about or {})}{shown}{'' if required else '?'}: {of};"


def comment(about: Schema) -> str:
    lines = str(about.get("description", "")).replace("*/", "*\\/").splitlines()
    if about.get("default") is not None:
        lines.append(f"@default {json.dumps(about['default'], ensure_ascii=False)}")
    if len(lines) <= 1:
        return "".join(f"/** {line} */\n" for line in lines)
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def parameters_of(parameters: list[Schema], place: str) -> str:
    those = [one for one in parameters if one["in"] == place]
    each = block([entry(one["name"], type_of(one["schema"]), one, one["required"]) for one in those])
    return entry(place, each if those else "never", required=any(one["required"] for one in those))


def content_of(body: Schema) -> str:
    each = [entry(media_type, type_of(one.get("schema", {}))) for media_type, one in body.get("content", {}).items()]
    return entry("content", block(each) if each else "never", required=bool(each))


def operation_of(operation: Schema) -> str:
    parameters = [parameters_of(operation.get("parameters", []), place) for place in PLACES]
    body = operation.get("requestBody")
    answers = [
        entry(status, block(["headers: Headers;", content_of(one)]), one)
        for status, one in sorted(operation["responses"].items())
    ]
    sent = entry("requestBody", block([content_of(body)]) if body else "never", required=bool(body))
    return block([entry("parameters", block(parameters)), sent, entry("responses", block(answers))])


def paths_of(paths: Schema) -> str:
    each = {path: [entry(method, operation_of(one), one) for method, one in of.items()] for path, of in paths.items()}
    return block([entry(path, block(operations)) for path, operations in each.items()])


def declaration_of(name: str, schema: Schema) -> str:
    of = type_of(schema)
    kind = f"interface {name} {of}" if schema.get("properties") else f"type {name} = {of};"
    return f"{comment(schema)}export {kind}\n"


def typescript_of(document: Schema) -> str:
    """The whole file."""
    shapes = sorted(document["components"]["schemas"].items())
    named = block([entry("schemas", block([entry(name, name) for name, _ in shapes]))])
    parts = [HEAD, *(declaration_of(name, schema) for name, schema in shapes)]
    parts += [f"export interface {part} {paths_of(document[part])}\n" for part in ("paths", "webhooks")]
    return "\n".join([*parts, f"export interface components {named}\n"])


if __name__ == "__main__":
    FILE.write_text(typescript_of(create_app(Settings()).openapi()))
