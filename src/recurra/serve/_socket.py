from __future__ import annotations

from fastapi import APIRouter, WebSocket
from starlette.types import Receive, Send

from recurra.errors import DataError, RecurraError
from recurra.serve._entry import Entry
from recurra.serve._json import parse
from recurra.serve._limits import client_of, steps_of
from recurra.serve._problem import Problem
from recurra.serve._security import refuse_socket, subprotocol_of
from recurra.serve._service import Service

router = APIRouter()

_CLOSED, _BROKEN = 4404, 1011  # close codes: the session isn't any more; our mistake


@router.websocket("/sessions/{sid}/ws")
async def follow(socket: WebSocket, sid: str) -> None:
    """One push a message, one answer a message, in order."""
    service: Service = socket.app.state.service
    try:
        entry = service.sessions.find(sid)
    except Problem as problem:
        await refuse_socket(problem, socket.receive, socket.send)
        return
    await socket.accept(subprotocol_of(socket.scope))
    await _answer_all(service, entry, client_of(socket.scope), socket.receive, socket.send)


async def _answer_all(service: Service, entry: Entry, client: str, receive: Receive, send: Send) -> None:
    sessions, buckets = service.sessions, service.buckets
    while (message := await receive())["type"] == "websocket.receive":
        push = None
        try:
            buckets.take(client)
            content = message.get("text")
            push = parse(message["bytes"] if content is None else content)
            buckets.take_steps(client, steps_of((push,)))
            step, document = await sessions.push(entry, push)
            # As text, and without a model of pydantic's: this is the path that must be fast.
            reply = (b'{"step":%d,"answer":%b}' % (step, document)).decode()
        except RecurraError as error:
            if isinstance(error, DataError) and isinstance(push, dict) and push.keys() == {"x"}:
                error = DataError(f'{error} A message is the push itself, without {{"x": ...}} around it.')
            reply = _complain(service, entry, Problem.of(error))
        except Problem as problem:
            reply = _complain(service, entry, problem)
        await send({"type": "websocket.send", "text": reply})
        if entry.is_closed:
            await send({"type": "websocket.close", "code": _CLOSED, "reason": "The session was closed."})
            return


def _complain(service: Service, entry: Entry, problem: Problem) -> str:
    service.metrics.errors[entry.served.name, problem.code] += 1
    return problem.body().decode()
