from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import recurra
from recurra.errors import RecurraError
from recurra.serve._service import Service
from recurra.serve._shelf import Served

_ABOUT = """Recurrent models, one step at a time.

Open a session, push steps to it as they come, and each push gives an answer; or send a whole sequence to `predict`.
A session is also a WebSocket, at `/sessions/{sid}/ws`: one push a message, as JSON, and one `{"step", "answer"}` or
`{"error", "code"}` for each, in order. Where the server has a token, browsers send it there as `?token=`, or as the
subprotocol `recurra.token.TOKEN`."""

_WRITING = {"steps": 50, "temperature": 0.8, "top_k": 40, "top_p": 0.95, "stop": ["\n\n"], "seed": 1}
_SESSION = "$response.body#/session"


def describe_app(app: FastAPI, service: Service) -> dict[str, Any]:
    """The OpenAPI document, with the models' own schemas and examples where a route takes pushes and gives answers."""
    document = get_openapi(title="recurra", version=recurra.__version__, description=_ABOUT, routes=app.routes)
    models = list(service.shelf.current.values())
    open_to = [served for served in models if not served.spec.obstacle]  # sessions
    schemas = document["components"]["schemas"]
    _point_at_models(schemas)
    if not any(served.model.generates for served in open_to):
        del document["paths"]["/sessions/{sid}/generate"]
    if not any(served.model.writes for served in open_to):
        del schemas["GenerateBody"]["properties"]["stop"]
    schemas["Push"] = _any_of(models, [served.spec.push for served in models], "One step, as a model takes it.")
    schemas["Answer"] = _any_of(models, [served.spec.answer for served in models], "What a model says.")
    schemas["Options"] = _any_of(models, [served.spec.options for served in models], "How a model follows a sequence.")
    most_ids = max(len(served.spec.id_columns) for served in models)
    for body in ("PredictBody", "SessionBody"):
        schemas[body]["properties"]["id"]["maxItems"] = most_ids
    if gates := sorted({gate for served in models for gate in _gates(served)}):
        schemas["InsideBody"]["properties"]["hold"] |= {
            "properties": {gate: {"type": "number", "minimum": _least(gate), "maximum": 1} for gate in gates},
            "additionalProperties": False,
        }
    pushes = {served.name: served.spec.example for served in open_to}
    examples = {
        "PushBody": {name: {"x": push} for name, push in pushes.items()},
        "PredictBody": {served.name: _sequence(served) for served in models},
        "SessionBody": {"empty": {}} | {served.name: _sequence(served) for served in open_to},
        "InsideBody": {name: {"x": push, "hold": {}} for name, push in pushes.items()},
        "GenerateBody": {"ten": {"steps": 10, "temperature": 0.8, "seed": 1}}
        | {served.name: _WRITING for served in open_to if served.model.writes},
    }
    links = {
        operation["summary"]: {"operationId": operation["operationId"], "parameters": {"sid": _SESSION}}
        for path, operations in document["paths"].items()
        if "{sid}" in path
        for operation in operations.values()
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _finish(
                path,
                operation,
                open_to if "/sessions" in path else models,
                examples,
                has_token=bool(service.config.token),
            )
            if "201" in operation["responses"]:
                operation["responses"]["201"]["links"] = links
    for schema in ("HTTPValidationError", "ValidationError"):
        schemas.pop(schema, None)
    if bool(service.config.token):
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _finish(
    path: str, operation: dict[str, Any], models: Iterable[Served], examples: dict[str, Any], *, has_token: bool
) -> None:
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    responses = operation["responses"]
    for status, response in responses.items():
        if status[0] in "45":  # errors are JSON, whatever kind of answer a route gives
            response["content"] = problem
    if "requestBody" in operation:
        responses["413"] = {"description": "The request is too large.", "content": problem}
        if "application/json" in operation["requestBody"]["content"]:
            responses["415"] = {"description": "The body isn't called JSON.", "content": problem}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "name":
            parameter["schema"] = {"type": "string", "enum": [served.name for served in models] or [""]}
        parameter["description"] = {"name": "A model's name.", "sid": "A session's name."}[parameter["name"]]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        name = next(name for name in examples if f"/{name}" in str(body["schema"]))
        body["examples"] = {key: {"value": value} for key, value in examples[name].items()}
    if has_token and path not in ("/health", "/ready"):
        operation["security"] = [{"token": []}]
    else:
        responses.pop("401")


def _sequence(served: Served) -> dict[str, Any]:
    """A sequence of one step, with its name where the model knows several."""
    spec = served.spec
    rows = {"rows": [spec.example]}
    if not spec.id_columns:
        return rows
    known = spec.example if isinstance(spec.example, dict) else {}
    return {"id": [str(known.get(column, column)) for column in spec.id_columns]} | rows


def _gates(served: Served) -> Iterator[str]:
    """What `hold` may name, seen by looking inside once; nothing where a first push isn't enough for that."""
    try:
        traces = served.model.stream().inside(served.spec.example).traces
    except RecurraError:
        return
    for trace in traces:
        for gate in trace.gates:
            yield gate
            yield f"{trace.branch}.{trace.layer}.{gate}"


def _least(gate: str) -> int:
    """The least value that a gate takes: candidates are squashed by tanh, all others by the sigmoid."""
    return -1 if gate[-1] in "gna" else 0


def _any_of(models: list[Served], schemas: list[dict[str, Any]], about: str) -> dict[str, Any]:
    """The schema of the only model, or of any."""
    if len(schemas) == 1:
        return {"description": about, **schemas[0]}
    named = [{"title": served.name, **schema} for served, schema in zip(models, schemas, strict=True)]
    return {"description": about, "anyOf": named}


def _point_at_models(node: Any) -> None:
    """Put a reference at every place that was marked in `_schemas.py`."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if isinstance(child, dict) and "x-recurra" in child:
            node[key] = {"$ref": f"#/components/schemas/{child['x-recurra']}"}
        else:
            _point_at_models(child)
