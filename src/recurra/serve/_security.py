from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.serve._config import ServeConfig
from recurra.serve._problem import Problem

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OPEN_TO_ALL = ("/health", "/ready", "/")  # the page asks for the token itself, so it must come without
_PROTOCOL = "recurra.token."  # a WebSocket's subprotocol that carries the token, since browsers set no headers there


class Gate:
    """Around the app: who may come in, and what browsers are told about every answer.

    On this machine's own address only requests for that address are answered, so that no name on the internet can be
    pointed here; a page of another site is refused unless its origin is allowed; and where there is a token, it must be
    given.
    """

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self._app = app
        self._hosts = {"localhost", "127.0.0.1", "::1", config.host.lower()} if config.is_local else None
        self._origins = frozenset(config.allow_origin)
        self._token = _digest(config.token) if config.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._refusal(scope)
        if problem is None:
            await self._app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await refuse_socket(problem, receive, send_with_headers)
        else:
            await problem.response()(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts is not None and _name(host) not in self._hosts:
            return Problem(403, "host", f"This server answers on {', '.join(sorted(self._hosts))}, not as {host!r}.")
        if origin is not None and origin not in self._origins and origin.partition("://")[2] != host:
            return Problem(
                403, "origin", f"Pages of {origin!r} may not call this server. Allow them with --allow-origin."
            )
        if self._token is None or scope.get("method") == "OPTIONS" or _is_open(scope["path"]):
            return None
        if not any(hmac.compare_digest(self._token, _digest(given)) for given in _tokens(scope, headers)):
            return Problem(
                401, "token", "This server wants its token. Send the header Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return None


async def refuse_socket(problem: Problem, receive: Receive, send: Send) -> None:
    """Answer a WebSocket's opening with an HTTP response."""
    await receive()
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items()]
    await send({"type": "websocket.http.response.start", "status": problem.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": problem.body()})


def subprotocol_of(scope: Scope) -> str | None:
    """The subprotocol that carried the token, which the server must choose or browsers hang up."""
    return next((name for name in scope.get("subprotocols", ()) if name.startswith(_PROTOCOL)), None)


def _tokens(scope: Scope, headers: Headers) -> Collection[str]:
    """What may be the token: the header's, and where browsers can't set headers, another."""
    found = [value[7:].strip() for value in headers.getlist("authorization") if value[:7].lower() == "bearer "]
    is_stream = scope["type"] == "websocket" or scope["path"].endswith("/events")
    if is_stream:
        found += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    if (protocol := subprotocol_of(scope)) is not None:
        found.append(protocol.removeprefix(_PROTOCOL))
    return found


def _is_open(path: str) -> bool:
    return path in _OPEN_TO_ALL or path.startswith("/static/")


def _digest(token: str) -> bytes:
    # Of one length whatever is given, so that the time of comparing tells nothing.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _name(host: str) -> str:
    """A Host header without its port: of `[::1]:8000`, ::1."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
