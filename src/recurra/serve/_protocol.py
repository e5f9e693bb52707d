from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from recurra.serve._problem import Problem

HEADER_TIME = 10.0  # seconds for the first line and the headers of a request


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with answers as JSON to what is no HTTP, and an end to headers that never end."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for a request, not for ever."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._end()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """From here on the app's own limits hold."""
        self._end()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it's another protocol's."""
        self._end()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Say what's wrong as everywhere else, and hang up."""
        self._end()
        self._refuse(Problem(400, "http", f"{msg} Send HTTP/1.1, for instance with curl."))

    def _begin(self) -> None:
        self._end()
        self._deadline = self.loop.call_later(HEADER_TIME, self._give_up)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self._refuse(Problem(408, "slow", f"No whole request came within {HEADER_TIME:g} seconds. Send it faster."))

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        body = problem.body()
        status = b"400 Bad Request" if problem.status_code == 400 else b"408 Request Timeout"
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, for which a refusal is an answer to the opening, and not a mistake of the app's."""

    async def send(self, message: Any) -> None:
        """After a whole HTTP response nothing of the handshake is left to do."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
