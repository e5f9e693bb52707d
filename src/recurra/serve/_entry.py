from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from recurra.runtime import Session
from recurra.serve._shelf import Served
from recurra.serve._store import Record

_EVENTS_WAITING = 64  # what a listener may leave unread before the oldest is dropped
_SIGN_OF_LIFE = 15.0  # seconds between comments on a quiet stream, so that nothing on the way closes it


class Entry:
    """An open session: whose it is, what it runs on, and who listens."""

    __slots__ = (
        "_listeners",
        "answer",
        "changed",
        "created",
        "is_closed",
        "owner",
        "served",
        "session",
        "sid",
        "turn",
        "used",
    )

    def __init__(self, sid: str, served: Served, session: Session, owner: str, *, created: float | None = None) -> None:
        self.sid = sid
        self.served = served
        self.session = session
        self.owner = owner
        self.created = time.time() if created is None else created
        self.used = time.time()
        self.turn = asyncio.Lock()  # held by whoever uses the session; it serves in the order of asking
        self.answer: Any = None  # the last, as the model gave it, which is much smaller than its JSON
        self.changed = True  # since the last snapshot
        self.is_closed = False
        self._listeners: list[asyncio.Queue[bytes | None]] = []

    def record(self, session: Session | None = None) -> Record:
        """The session, or what is to take its place, as it goes to disk."""
        fingerprint, state = self.served.model.fingerprint, (session or self.session).state()
        return Record(self.sid, self.served.name, fingerprint, self.owner, self.created, self.used, state)

    def publish(self, step: int, document: bytes) -> None:
        """Tell all listeners of an answer."""
        if self._listeners:
            event = as_event("answer", b'{"step":%d,"answer":%b}' % (step, document), number=step)
            for listener in self._listeners:
                if listener.full():
                    listener.get_nowait()
                listener.put_nowait(event)

    def hang_up(self) -> None:
        """End all streams of answers."""
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait(None)

    async def listen(self) -> AsyncGenerator[bytes]:
        """Every answer from now on, as server-sent events."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_EVENTS_WAITING)
        self._listeners.append(queue)
        try:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    async with asyncio.timeout(_SIGN_OF_LIFE):
                        event = await queue.get()
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    yield as_event("end", b"{}")
                    return
                yield event
        finally:
            self._listeners.remove(queue)


def as_event(kind: str, data: bytes, *, number: int | None = None) -> bytes:
    """One server-sent event; `data` is JSON, which has no line breaks."""
    head = f"event: {kind}\n" if number is None else f"id: {number}\nevent: {kind}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)
