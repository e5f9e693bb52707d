from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from recurra.errors import RecurraError
from recurra.runtime import Model
from recurra.runtime import load as load_bundle
from recurra.serve import _routes_models, _routes_sessions, _socket
from recurra.serve._config import ServeConfig
from recurra.serve._limits import Limits
from recurra.serve._openapi import describe_app
from recurra.serve._page import page_routes
from recurra.serve._problem import Problem
from recurra.serve._security import Gate
from recurra.serve._service import Service


def create_app(bundles: Sequence[Path], config: ServeConfig, *, load: Callable[[Path], Model] = load_bundle) -> FastAPI:
    """An ASGI app that serves these bundles. BundleError or ConfigError, before anything runs, for what can't be."""
    service = Service(bundles, config, load=load)

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(lifespan=live, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.service = service
    for router in (_routes_models.router, _routes_sessions.router, _socket.router, page_routes()):
        app.include_router(router)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return describe_app(app, service)

    # From the inside out: the app, its limits, the gate, and the word to browsers that reads even the gate's refusals.
    app.add_middleware(Limits, buckets=service.buckets, max_body=config.max_body, timeout=config.timeout)
    app.add_middleware(Gate, config=config)
    if config.allow_origin:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.allow_origin),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    _explain_errors(app, service)
    return app


def _explain_errors(app: FastAPI, service: Service) -> None:
    """Every error becomes a status and a JSON document with a sentence."""

    def complain(request: Request, problem: Problem) -> Response:
        name = request.path_params.get("name", "")
        service.metrics.errors[name if name in service.shelf.current else "", problem.code] += 1
        return problem.response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if isinstance(error, Problem):
            return complain(request, error)
        sentence = {
            404: f"There is nothing at {request.url.path}. See /openapi.json for what there is.",
            405: f"{request.method} isn't done at {request.url.path}. See /openapi.json for what is.",
        }.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request.url.path)) or headers.get("Allow", "GET")
        return complain(request, Problem(error.status_code, "http", sentence, headers=headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return complain(request, Problem(422, "request", _say(error)))

    @app.exception_handler(RecurraError)
    async def raised(request: Request, error: RecurraError) -> Response:
        return complain(request, Problem.of(error))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        return complain(request, Problem(500, "bug", "This is our mistake. The server's log has its traceback."))


def _allowed(path: str) -> list[str]:
    """All that can be done at this path; the framework names only what the first of its routes takes."""
    routes = [*_routes_models.router.routes, *_routes_sessions.router.routes]
    here = [route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return sorted({method for route in here for method in route.methods or ()})


def _say(error: RequestValidationError) -> str:
    """The first thing that is wrong with a request, and where."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    if not where and first["type"] in ("missing", "model_attributes_type", "model_type", "dict_type"):
        return "The request needs a JSON object as its body, sent with Content-Type: application/json."
    message = first["msg"].removeprefix("Value error, ")
    return f"{where or 'The body'}: {message}. See /openapi.json for what is expected."
