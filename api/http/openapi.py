"""OpenAPI: what routes declare about errors and headers, and what FastAPI's own document gets wrong about this API."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.http import problems
from api.http.guide import summary_of
from scriptqueue.responses import Problem
from shared.errors import (
    DeadlineTooSoon,
    HostRefused,
    InvalidRequest,
    OriginRefused,
    ScriptqueueError,
    Unauthorized,
)

_REFERENCE = "#/components/schemas/{model}"
_OPEN_PATHS = ("/healthz", "/readyz", "/schemas/", "/targets", "/problems/")  # answered without a key


def errors(*kinds: type[ScriptqueueError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may raise these."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status = problems.STATUS[kind.code]
        assert status is not None
        example = {
            "type": problems.type_of(kind.code),
            "title": kind.title(),
            "status": status,
            "detail": kind.title(),
            "code": kind.code,
        }
        if kind is DeadlineTooSoon:
            example["earliest_start"] = "2026-01-31T12:00:00Z"
        if kind is InvalidRequest:
            fault = {"pointer": "/min_scenes", "code": "greater_than_equal", "detail": "must be at least 1"}
            example["errors"] = [fault]
        response = responses.setdefault(status, {"description": kind.title(), "content": {problems.PROBLEM_JSON: {}}})
        if kind.title() not in response["description"]:
            response["description"] += f"; or: {kind.title()}"
        content = response["content"][problems.PROBLEM_JSON]
        content["schema"] = {"$ref": _REFERENCE.format(model="Problem")}
        content.setdefault("examples", {})[kind.code] = {"value": example}
        if carried := problems.headers_of(status):
            response["headers"] = headers(**{name: meaning for name, (_, meaning) in carried.items()})
    return responses


def headers(**meanings: str) -> dict[str, Any]:
    """The `headers` of a response: their names (underscores for dashes) and what they say."""
    return {
        name.replace("_", "-"): {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in meanings.items()
    }


def links(parameter: str, **operations: str) -> dict[str, Any]:
    """The `links` of a response that made something: what can be done with its `id`, by operation."""
    return {
        name: {"operationId": operation, "parameters": {parameter: "$response.body#/id"}}
        for name, operation in operations.items()
    }


def operation_id(route: APIRoute) -> str:
    """What a generated client calls it: `jobs_submit`."""
    return "_".join([*(str(tag) for tag in route.tags[:1]), route.name])


class DescribedAPI(FastAPI):
    """FastAPI with a document that names what is really answered."""

    authenticated: bool = False

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = self._described()
        return self.openapi_schema

    def _described(self) -> dict[str, Any]:
        document = get_openapi(
            title=self.title,
            version=self.version,
            description=self.description,
            routes=self.routes,
            webhooks=self.webhooks.routes,
            tags=self.openapi_tags,
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, never answered here
            schemas.pop(unused, None)
        problem = Problem.model_json_schema(mode="serialization", ref_template=_REFERENCE)
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        if self.authenticated:
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for operations in (*document["paths"].values(), *document["webhooks"].values()):
            for operation in operations.values():
                operation["summary"] = summary_of(operation["description"])
        # What makes something stands before what reads it.
        document["paths"] = dict(sorted(document["paths"].items(), key=lambda item: item[0].count("/")))
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                self._correct(operation, self._everywhere(path, changes=method not in {"get", "head"}))
        return document

    def _everywhere(self, path: str, *, changes: bool) -> dict[int | str, dict[str, Any]]:
        """The answers that no route needs to declare."""
        kinds: list[type[ScriptqueueError]] = [ScriptqueueError]
        if not self.authenticated:
            kinds.append(HostRefused)
        if changes:
            kinds.append(OriginRefused)
        if not path.startswith(_OPEN_PATHS):
            kinds.append(InvalidRequest)  # a parameter that is none
            if self.authenticated:
                kinds.append(Unauthorized)
        return errors(*kinds)

    def _correct(self, operation: dict[str, Any], everywhere: dict[int | str, dict[str, Any]]) -> None:
        responses = operation["responses"]
        for response in responses.values():
            for content in response.get("content", {}).values():
                if "itemSchema" in content:
                    content.pop("schema", None)  # FastAPI's: the stream as one string
        if problems.PROBLEM_JSON not in responses.get("422", {}).get("content", {}):
            responses.pop("422", None)
        if 401 in everywhere:
            operation["security"] = [{"key": []}]
        for status, response in everywhere.items():
            responses.setdefault(str(status), response)
