from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from recurra.errors import DataError, RecurraError
from recurra.runtime import Piece, Session, Trace
from recurra.serve._context import ClientDep, EntryDep, ServiceDep, begin, check_options, problems
from recurra.serve._entry import Entry, as_event
from recurra.serve._json import JsonRoute, reply
from recurra.serve._limits import steps_of
from recurra.serve._problem import Problem
from recurra.serve._schemas import (
    Deleted,
    GenerateBody,
    InsideBody,
    InsideDocument,
    PushBody,
    SessionBody,
    SessionDocument,
    StepDocument,
)

router = APIRouter(route_class=JsonRoute, tags=["sessions"])

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BINARY_BODY = {"requestBody": {"required": True, "content": _BYTES}}
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "description": "`answer`, at last `end`, or `error`."},
        "id": {"type": "string", "description": "The step."},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EVENTS = {200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": "Server-sent events."}}


@router.post(
    "/models/{name}/sessions", status_code=201, response_model=SessionDocument, responses=problems(400, 404, 422, 507)
)
async def open_session(name: str, service: ServiceDep, client: ClientDep, body: SessionBody | None = None) -> Response:
    """Open a session, at the beginning of a sequence or after `rows`."""
    served, asked = service.shelf.find(name), body or SessionBody()
    check_options(served, asked.options)
    service.buckets.take_steps(client, steps_of(asked.rows))
    entry = await service.sessions.add(served, client, lambda: begin(served, asked.id, asked.options, asked.rows))
    return reply(_describe(entry), 201)


@router.post(
    "/models/{name}/sessions/restore",
    status_code=201,
    response_model=SessionDocument,
    responses=problems(404, 422, 507),
    openapi_extra=_BINARY_BODY,
)
async def restore(name: str, request: Request, service: ServiceDep, client: ClientDep) -> Response:
    """Open a session from a snapshot, this server's or another's."""
    served, state = service.shelf.find(name), await request.body()
    entry = await service.sessions.add(served, client, lambda: served.restore(state))
    return reply(_describe(entry), 201)


@router.get("/sessions/{sid}", response_model=SessionDocument, responses=problems(404, 410))
async def show(entry: EntryDep) -> Response:
    """Where a session stands."""
    return reply(_describe(entry))


@router.delete("/sessions/{sid}", response_model=Deleted, responses=problems(404, 410, 507))
async def close(entry: EntryDep, service: ServiceDep) -> Response:
    """Close a session and forget it."""
    await service.sessions.close(entry)
    return reply({"deleted": entry.sid})


@router.post("/sessions/{sid}/push", response_model=StepDocument, responses=problems(400, 404, 410, 422, 507))
async def push(entry: EntryDep, body: PushBody, service: ServiceDep, client: ClientDep) -> Response:
    """Take in the next step, or several, and give the answer to the last."""
    if "xs" in body.model_fields_set:
        service.buckets.take_steps(client, steps_of(body.xs))
        step, document = await service.sessions.push_all(entry, body.xs)
    else:
        service.buckets.take_steps(client, steps_of([body.x]))
        step, document = await service.sessions.push(entry, body.x)
    return reply(b'{"step":%d,"answer":%b}' % (step, document))


@router.post("/sessions/{sid}/reset", response_model=SessionDocument, responses=problems(404, 410, 507))
async def reset(entry: EntryDep, service: ServiceDep) -> Response:
    """Back to the beginning of a sequence."""

    def begin_anew(session: Session) -> Session:
        session.reset()
        return session

    await service.sessions.change(entry, begin_anew)
    return reply(_describe(entry))


@router.post("/sessions/{sid}/fork", status_code=201, response_model=SessionDocument, responses=problems(404, 410, 507))
async def fork(entry: EntryDep, service: ServiceDep, client: ClientDep) -> Response:
    """Open a session that stands where this one does and goes its own way."""
    copy = await service.sessions.read(entry, lambda session: session.fork())
    twin = await service.sessions.add(entry.served, client, lambda: copy)
    twin.answer = entry.answer
    return reply(_describe(twin), 201)


@router.get(
    "/sessions/{sid}/snapshot",
    response_class=Response,
    responses={**problems(404, 410), 200: {"content": _BYTES, "description": "The state."}},
)
async def snapshot(entry: EntryDep, service: ServiceDep) -> Response:
    """All there is to a session, as bytes."""
    state = await service.sessions.read(entry, lambda session: session.state())
    return Response(state, media_type="application/octet-stream")


@router.put(
    "/sessions/{sid}/snapshot",
    response_model=SessionDocument,
    responses=problems(404, 410, 422, 507),
    openapi_extra=_BINARY_BODY,
)
async def replace(entry: EntryDep, request: Request, service: ServiceDep) -> Response:
    """Put a snapshot in a session's place."""
    state = await request.body()
    await service.sessions.change(entry, lambda _: entry.served.restore(state))
    return reply(_describe(entry))


@router.post("/sessions/{sid}/inside", response_model=InsideDocument, responses=problems(400, 404, 409, 410, 422))
async def inside(entry: EntryDep, body: InsideBody, service: ServiceDep) -> Response:
    """What a push would say, with every gate on the way to it; the session doesn't move."""

    def look(session: Session) -> dict[str, Any]:
        try:
            found = session.inside(body.x, hold=body.hold or None)
        except DataError as error:
            if body.x is None:  # nothing is wrong with the request: there is nothing to look back at
                raise Problem(409, "nothing", str(error)) from error
            raise
        answer = entry.served.model.document(found.answer)
        traces = [_trace(trace) for trace in found.traces]
        return {"answer": answer, "traces": traces, "labels": found.labels, "open": found.open}

    return reply(await service.sessions.read(entry, look))


@router.post(
    "/sessions/{sid}/generate",
    response_class=StreamingResponse,
    responses={**problems(400, 404, 410, 422), **_EVENTS},
)
async def generate(entry: EntryDep, body: GenerateBody, service: ServiceDep) -> Response:
    """Go on without pushes: one event `answer` for each step, then `end`.

    A model of texts writes: each answer is a piece of text with the bits it cost, up to one of the texts `stop`. The
    session itself moves when the last event comes, and not at all if somebody pushes meanwhile or hangs up.
    """
    origin, copy = await service.sessions.read(entry, lambda session: (session, session.fork()))
    start = copy.steps
    answers = _going_on(copy, body)
    # The first step shows whether the model can, while the status may still say so.
    first = await service.in_thread(lambda: list(_take(answers, copy, entry)))

    def take_over(session: Session) -> Session:
        if entry.session is not origin or session.steps != start:
            raise Problem(409, "moved", "The session was pushed meanwhile, so what was generated isn't part of it.")
        return copy

    async def go_on() -> AsyncIterator[bytes]:
        events = first
        try:
            while events:
                for event in events:
                    yield event
                events = await service.in_thread(lambda: list(_take(answers, copy, entry)))
            # A client that hangs up now doesn't tear it apart.
            await asyncio.shield(service.sessions.change(entry, take_over))
        except (Problem, RecurraError) as error:
            yield as_event("error", (error if isinstance(error, Problem) else Problem.of(error)).body())
            return
        yield as_event("end", b'{"step":%d}' % copy.steps)

    return StreamingResponse(go_on(), media_type="text/event-stream")


@router.get("/sessions/{sid}/events", response_class=StreamingResponse, responses={**problems(404, 410), **_EVENTS})
async def events(entry: EntryDep) -> Response:
    """Every answer from now on, whoever pushes: server-sent events."""
    return StreamingResponse(entry.listen(), media_type="text/event-stream")


def _going_on(session: Session, body: GenerateBody) -> Iterator[Any]:
    """Text with its bits where the model writes, else what it generates."""
    cut = {name: value for name in ("top_k", "top_p") if (value := getattr(body, name)) is not None}
    if session.model.writes:
        options = {"temperature": body.temperature, "seed": body.seed, "stop": body.stop or None}
        return session.write(body.steps, **options, **cut)
    if body.stop:
        raise Problem(422, "options", f"{session.model.name} doesn't write text, so it can't stop at any. Omit stop.")
    return session.generate(body.steps, temperature=body.temperature, seed=body.seed, **cut)


def _take(answers: Iterator[Any], session: Session, entry: Entry) -> Iterator[bytes]:
    """The next event, or none at the end. What is drawn may be a plain code rather than an answer."""
    for answer in answers:
        if isinstance(answer, Piece):
            document = to_json({"piece": answer.text, "bits": round(answer.bits, 4)})
        else:
            document = to_json(answer) if isinstance(answer, int | float) else entry.served.document(answer)
        yield as_event("answer", b'{"step":%d,"answer":%b}' % (session.steps, document), number=session.steps)
        return


def _describe(entry: Entry) -> dict[str, Any]:
    document = {
        "session": entry.sid,
        "model": entry.served.name,
        "steps": entry.session.steps,
        "created": entry.created,
    }
    if entry.answer is not None:
        document["answer"] = entry.served.model.document(entry.answer)
    return document


def _trace(trace: Trace) -> dict[str, Any]:
    memory = trace.memory
    return {
        "branch": trace.branch,
        "layer": trace.layer,
        "cell": trace.cell,
        "gates": list(trace.gates),
        "values": _numbers(trace.values),
        "hidden": _numbers(trace.hidden),
        "memory": None if memory is None else _numbers(memory),
    }


def _numbers(array: Any) -> Any:
    """Six decimals, which is all that float32 knows of numbers near 1, at a third of the length."""
    return array.astype(float).round(6).tolist()
