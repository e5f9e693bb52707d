from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from recurra.runtime import Session
from recurra.serve._entry import Entry
from recurra.serve._limits import client_of
from recurra.serve._problem import Problem
from recurra.serve._schemas import ProblemDocument
from recurra.serve._service import Service
from recurra.serve._shelf import Served

_WHY = {
    400: "What was sent isn't JSON.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page, or was sent to a name, that isn't allowed.",
    404: "No such model or session.",
    409: "The session moved meanwhile.",
    410: "The session's version of its model isn't there any more.",
    413: "The request is too large.",
    422: "What was sent doesn't fit the model.",
    429: "Too many sessions or calls.",
    503: "Not now.",
    507: "The server has no room on disk.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, for OpenAPI; some can come from any."""
    return {status: {"model": ProblemDocument, "description": _WHY[status]} for status in {*statuses, 401, 403, 429}}


async def _service(connection: HTTPConnection) -> Service:
    return connection.app.state.service


async def _entry(sid: str, connection: HTTPConnection) -> Entry:
    return connection.app.state.service.sessions.find(sid)


async def _client(connection: HTTPConnection) -> str:
    return client_of(connection.scope)


ServiceDep = Annotated[Service, Depends(_service)]
EntryDep = Annotated[Entry, Depends(_entry)]
ClientDep = Annotated[str, Depends(_client)]


def check_options(served: Served, options: Mapping[str, Any]) -> None:
    """A 422 for an option that the model's `stream` doesn't take."""
    known = served.spec.options.get("properties", {})
    for name in options:
        if name not in known:
            there = f"It takes {', '.join(known)}." if known else "It takes none."
            raise Problem(422, "options", f"{served.name} has no option {name!r}. {there}")


def begin(served: Served, id: Sequence[str], options: Mapping[str, Any], rows: Sequence[Any]) -> Session:
    """A session that has seen these rows."""
    session = served.model.stream(id=tuple(id), **options)
    for row in rows:
        session.push(row)
    return session
