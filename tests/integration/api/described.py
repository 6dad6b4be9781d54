"""Holds every answer that a test receives against the OpenAPI document of the API that gave it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.wiring import create_app
from shared.settings import Settings
from tests.integration.api.serving import served

OPTIONAL_HEADERS = {
    "Retry-After",
    "Preference-Applied",
    "Location",
    "Idempotency-Replayed",
    "Content-Disposition",
}  # their meaning says when


class Described:
    """An httpx response hook: an answer that the document does not name fails the test."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations)
            for path, operations in document["paths"].items()
        ]
        resource = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource("urn:openapi", resource)

    def check(self, response: httpx.Response) -> None:
        operation = self._operation(response.request)
        if operation is None:
            return  # no such path or method: a document cannot name these
        response.read()
        what = f"{response.request.method} {response.request.url.path} -> {response.status_code}"
        declared = operation["responses"].get(str(response.status_code))
        assert declared is not None, f"{what} is not in the document"
        for name in declared.get("headers", {}):
            assert name in response.headers or name in OPTIONAL_HEADERS, f"{what} lacks the header {name}"
        content = declared.get("content", {})
        media_type = response.headers.get("content-type", "").partition(";")[0]
        assert (not content and not response.content) or media_type in content, f"{what}: {media_type} is not declared"
        if response.content and media_type.endswith("json") and (schema := content[media_type].get("schema")):
            self.validate(response.json(), schema)

    def validate(self, value: Any, schema: dict[str, Any]) -> None:
        """A `$ref` of the document starts with `#`; the validator needs the document's own address before it."""
        validator = Draft202012Validator(_rooted(schema), registry=self._registry)
        validator.validate(value)

    def check_itself(self) -> None:
        """Every schema is one, and every reference leads somewhere."""
        for schema in self.document["components"]["schemas"].values():
            validator_for(schema, default=Draft202012Validator).check_schema(schema)
        resolver = self._registry.resolver("urn:openapi")
        for reference in _references(self.document):
            resolver.lookup(reference)

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        for pattern, operations in self._paths:
            if pattern.fullmatch(request.url.path):
                operation: dict[str, Any] | None = operations.get(request.method.lower())
                return operation
        return None


@cache
def description(*, authenticated: bool) -> Described:
    """Of every API with or without keys. Made once: it takes ten times as long as the start of an API."""
    document = create_app(Settings(api={"keys": "a:1"} if authenticated else {})).openapi()
    return Described(json.loads(json.dumps(document)))


@contextmanager
def described_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of an API with these settings; each answer is held against the API's description."""
    with served(settings) as url:
        hooks = {"response": [description(authenticated=bool(settings.api.keys)).check]}
        with httpx.Client(base_url=url, timeout=70, trust_env=False, event_hooks=hooks) as client:
            yield client


def _rooted(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: f"urn:openapi{v}" if k == "$ref" else _rooted(v) for k, v in node.items()}
    return [_rooted(child) for child in node] if isinstance(node, list) else node


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for child in node.values() for reference in _references(child)]
    return [r for child in node for r in _references(child)] if isinstance(node, list) else []
