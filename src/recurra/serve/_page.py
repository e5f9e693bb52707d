from __future__ import annotations

import mimetypes
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter, Request, Response

from recurra.serve._problem import Problem

_FOLDER = Path(__file__).with_name("page")
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".json": "application/json"}


def page_routes() -> APIRouter:
    """The page's own files, read once: what a client asks for is looked up here, never on disk."""
    files = {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in _FOLDER.rglob("*") if path.is_file()}
    tags = {name: f'"{blake2b(content, digest_size=12).hexdigest()}"' for name, content in files.items()}
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index(request: Request) -> Response:
        return give("index.html", request)

    @router.get("/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        return give(name, request)

    def give(name: str, request: Request) -> Response:
        if name not in files:
            raise Problem(404, "page", f"The page has no file {name!r}.")
        headers = {"ETag": tags[name], "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tags[name]:
            return Response(status_code=304, headers=headers)
        kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(files[name], headers=headers, media_type=kind)

    return router
