from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recurra.errors import ConfigError, DataError, RecurraError, StateError

# What an error of ours tells a client about its request. Others, say of a bundle, are mended on this side.
_CODES: dict[type[RecurraError], tuple[int, str]] = {
    DataError: (422, "data"),
    ConfigError: (422, "options"),
    StateError: (422, "state"),
}
_LONG = 600  # characters


class Problem(HTTPException):
    """What a client is told instead of an answer: a status, a word for programs, a sentence for people."""

    def __init__(self, status: int, code: str, sentence: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, sentence, dict(headers or {}))
        self.code = code

    @classmethod
    def of(cls, error: RecurraError) -> Problem:
        """The problem that an error of ours is to a client."""
        # Sentences quote what was sent, which may be long.
        sentence = (
            str(error) if len(str(error)) <= _LONG else f"{str(error)[: _LONG // 2]} … {str(error)[-_LONG // 2 :]}"
        )
        status, code = next((found for kind, found in _CODES.items() if isinstance(error, kind)), (503, "bundle"))
        return cls(status, code, sentence)

    def body(self) -> bytes:
        """The problem as JSON."""
        # What a client sent may be quoted, and not all of it can be written as UTF-8.
        sentence = self.detail.encode("utf-8", "backslashreplace").decode()
        return to_json({"error": sentence, "code": self.code})

    def response(self) -> Response:
        """The problem as a whole response."""
        return Response(self.body(), self.status_code, self.headers, "application/json")
