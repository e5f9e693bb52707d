from __future__ import annotations

import asyncio
import math
import time
from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.serve._problem import Problem

_STEP = 16  # characters of text that count as a step


def steps_of(pushes: Sequence[Any]) -> int:
    """As how many steps these pushes count: one each, and more for long texts."""
    return sum(1 + text_size(push) // _STEP for push in pushes)


def text_size(push: Any) -> int:
    """The characters of a push of text, 0 for any other."""
    values = push.values() if isinstance(push, dict) else push[:1] if isinstance(push, list) else (push,)
    return sum(len(value) for value in values if isinstance(value, str))


class Buckets:
    """How often each client may call: a bucket that holds `rate` tokens and gains as many a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens: MutableMapping[str, tuple[float, float]] = {}  # what is left, and when that was

    def take_steps(self, client: str, steps: int) -> None:
        """Take a token for each step of a request but the first, which the request itself has taken."""
        if steps > 1:
            self.take(client, steps - 1)

    def take(self, client: str, count: int = 1) -> None:
        """Take tokens of this client's, or a 429 if there aren't so many.

        Who asks for more than a bucket holds gets them when it is full, and waits the longer afterwards.
        """
        now = time.monotonic()
        left, then = self._tokens.get(client, (self._rate, now))
        left = min(self._rate, left + (now - then) * self._rate)
        if (lacking := min(count, self._rate) - left) > 0:
            seconds = math.ceil(lacking / self._rate)
            raise Problem(
                429, "rate",
                f"More than {self._rate} calls or steps a second came from you. Wait {seconds} s, then go on.",
                headers={"Retry-After": str(seconds)},
            )  # fmt: skip
        self._tokens[client] = left - count, now

    def prune(self) -> None:
        """Forget the clients whose bucket is full again."""
        now = time.monotonic()
        full = [
            client for client, (left, then) in self._tokens.items() if left + (now - then) * self._rate >= self._rate
        ]
        for client in full:
            del self._tokens[client]


class Limits:
    """Around the app: bodies that are too large or too slow, and work that takes too long, get an answer.

    A body is read here, whole, before the app begins. Work that has begun is never torn apart: after the time limit the
    client is told, and what runs runs to its end. The time of a response that streams is not limited.
    """

    def __init__(self, app: ASGIApp, *, buckets: Buckets, max_body: int, timeout: float) -> None:
        self._app, self._buckets, self._max_body, self._timeout = app, buckets, max_body, timeout
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if scope["path"] != "/health":
                self._buckets.take(client_of(scope))
            body = await self._read(scope, receive)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is not None:
            await self._run(scope, body, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> Message | None:
        """The whole body; None if the client went away."""
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_body:
            raise self._too_large()
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(self._timeout):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size, more = size + len(parts[-1]), message.get("more_body", False)
                    if size > self._max_body:
                        raise self._too_large()
        except TimeoutError as error:
            raise Problem(
                408, "slow", f"The request wasn't complete after {self._timeout:g} seconds. Send it faster.",
                headers={"Connection": "close"},
            ) from error  # fmt: skip
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    def _too_large(self) -> Problem:
        return Problem(
            413, "size", f"A request may have {self._max_body} bytes here, and this has more. Send less at a time.",
            headers={"Connection": "close"},
        )  # fmt: skip

    async def _run(self, scope: Scope, body: Message, receive: Receive, send: Send) -> None:
        began = given_up = False
        bodies = [body]

        async def receive_body() -> Message:
            return bodies.pop() if bodies else await receive()

        async def send_unless_late(message: Message) -> None:
            nonlocal began
            began = True
            if not given_up:
                await send(message)

        task = asyncio.create_task(_call(self._app, scope, receive_body, send_unless_late))
        try:
            await asyncio.wait({task}, timeout=self._timeout)
            if began or task.done():
                await task
                return
        except asyncio.CancelledError:
            task.cancel()
            raise
        given_up = True
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        problem = Problem(
            503, "time", f"This took longer than {self._timeout:g} seconds, so the answer was given up. Ask for less.",
            headers={"Retry-After": "10"},
        )  # fmt: skip
        await problem.response()(scope, receive, send)


async def _call(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


def client_of(scope: Scope) -> str:
    """The address that a request comes from; what headers say of it isn't believed."""
    client = scope.get("client")
    return client[0] if client else ""
