from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from recurra.serve._context import ClientDep, ServiceDep, check_options, problems
from recurra.serve._json import JsonRoute, reply
from recurra.serve._limits import steps_of
from recurra.serve._problem import Problem
from recurra.serve._schemas import Health, ModelCard, ModelList, PredictBody, Prediction, Reloaded, SpecDocument

router = APIRouter(route_class=JsonRoute)

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."}
}


@router.head("/health", include_in_schema=False)
@router.get("/health", tags=["server"], response_model=Health, responses=problems())
async def health() -> Response:
    """Whether the server lives."""
    return reply({"status": "ok"})


@router.head("/ready", include_in_schema=False)
@router.get("/ready", tags=["server"], response_model=Health, responses=problems(503))
async def ready(service: ServiceDep) -> Response:
    """Whether it takes requests and can keep its promises."""
    if reason := service.why_not_ready():
        raise Problem(503, "not_ready", reason)
    return reply({"status": "ready"})


@router.get("/metrics", tags=["server"], response_class=Response, responses={**problems(), **_TEXT})
async def metrics(service: ServiceDep) -> Response:
    """Counters and times, for Prometheus."""
    text = service.metrics.render(open_sessions=service.open_sessions())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


@router.get("/models", tags=["models"], response_model=ModelList, responses=problems())
async def models(service: ServiceDep) -> Response:
    """The cards of all models."""
    return reply({"models": [served.card() for served in service.shelf.current.values()]})


@router.get("/models/{name}", tags=["models"], response_model=ModelCard, responses=problems(404))
async def model(name: str, service: ServiceDep) -> Response:
    """One model's card: what it was trained on, scores beside baselines, verdict."""
    return reply(service.shelf.find(name).card())


@router.get("/models/{name}/spec", tags=["models"], response_model=SpecDocument, responses=problems(404))
async def spec(name: str, service: ServiceDep) -> Response:
    """What a model reads and says, as JSON Schemas: the form for a push."""
    found = service.shelf.find(name).spec
    document = {
        "push": found.push,
        "answer": found.answer,
        "options": found.options,
        "columns": found.columns,
        "id_columns": found.id_columns,
        "example": found.example,
        "whole": found.whole,
        "obstacle": found.obstacle,
    }
    return reply(document)


@router.post("/models/{name}/predict", tags=["models"], response_model=Prediction, responses=problems(400, 404, 422))
async def predict(name: str, body: PredictBody, service: ServiceDep, client: ClientDep) -> Response:
    """The answer to a whole sequence, without a session; of a model of texts, one to each row, which is a text."""
    served = service.shelf.find(name)
    check_options(served, body.options)
    service.buckets.take_steps(client, steps_of(body.rows))

    def work() -> bytes:
        found = served.model.predict(body.rows, id=tuple(body.id), **body.options)
        answers = [served.model.document(answer) for answer, _ in found]
        if not served.spec.whole:
            return reply({"answer": answers[0], "rows": found[0].rows}).body  # type: ignore[return-value]
        rows = [{"row": place, **row} for place, each in enumerate(found) for row in each.rows]
        return reply({"answers": answers, "rows": rows}).body  # type: ignore[return-value]

    return reply(await service.in_thread(work))


@router.post("/models/{name}/reload", tags=["models"], response_model=Reloaded, responses=problems(404, 503))
async def reload(name: str, service: ServiceDep) -> Response:
    """Read the bundle again. Open sessions go on with the version they began with; new ones get the new one."""
    changed = await service.reload(name)
    fingerprint = service.shelf.find(name).model.fingerprint.hex()
    return reply({"model": name, "changed": changed, "fingerprint": fingerprint})
