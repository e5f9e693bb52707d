from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json, to_json

from recurra.serve._problem import Problem


def parse(content: bytes | str) -> Any:
    """JSON as the standard has it: no NaN, no endless nesting, no half characters. A 400 for anything else."""
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(
            400, "json", f"This isn't JSON: {error}. Send numbers, text, lists and objects; null for what is missing."
        ) from error


def reply(document: Any, status: int = 200) -> Response:
    """A document as a response; numbers that aren't finite are null."""
    content = document if isinstance(document, bytes) else to_json(document, inf_nan_mode="null")
    return Response(content, status, media_type="application/json")


class JsonRoute(APIRoute):
    """A route that reads JSON by `parse`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The same handler, given a request that reads so."""
        handle, reads_json = super().get_route_handler(), self.body_field is not None

        async def handle_strictly(request: Request) -> Response:
            strict = _Request(request.scope, request.receive)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if reads_json and kind != "application/json" and await strict.body():
                raise Problem(
                    415, "type", f"The body is {kind or 'of no type'}. Send JSON, with Content-Type: application/json."
                )
            return await handle(strict)

        return handle_strictly


class _Request(Request):
    async def json(self) -> Any:
        """The body."""
        return parse(await self.body())
