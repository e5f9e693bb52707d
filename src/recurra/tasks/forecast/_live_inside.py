from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from recurra.errors import ConfigError
from recurra.runtime import Inside, Trace
from recurra.tasks.forecast._live_decoding import Direct, Sampled

if TYPE_CHECKING:
    from recurra.tasks.forecast._live_session import ForecastSession


def look_inside(session: ForecastSession, hold: Mapping[str, float] | None) -> Inside:
    """The forecast of a session and the gates of its recurrent layers over the window.

    Targets that are forecast by themselves are shown one after the other, each with its name. Gates can be held in a
    direct decoder only: a recursive one would have to be held on every path that it draws.
    """
    model, decoder = session.model, session.model.decoder
    inputs = dict(session.inputs.now())
    traces: list[Trace] = []
    outputs: list[dict[str, np.ndarray]] = []
    wanted = decoder.learning_outputs if isinstance(decoder, Direct) and session.learner is not None else ()
    if isinstance(decoder, Sampled):
        if hold:
            raise ConfigError(
                f"{', '.join(hold)}: gates of a recursive decoder can't be held. Look without, or train a direct one."
            )
        raw = decoder.forecast(inputs, ((session.seed, session.steps),))
        inputs = decoder.context(inputs, *decoder.units(inputs))
    for place in range(len(session.window.target)):
        one = {name: np.ascontiguousarray(array[place : place + 1]) for name, array in inputs.items()}
        found, seen = decoder.network.inside(one, hold=hold, outputs=wanted)
        outputs.append(found)
        traces += _named(session, place, seen)
    if isinstance(decoder, Direct):
        forecast, spread, *rest = (np.concatenate([each[name] for each in outputs]) for name in outputs[0])
        if session.learner is not None:
            forecast = session.learner.learned(decoder.joined([forecast, spread, *rest]))
        raw = decoder.split(forecast, spread)
    values, spread = raw  # pyright: ignore[reportPossiblyUnboundVariable]
    return Inside(model.answer(session, model.calibrated(session, values[0], spread[0])), tuple(traces))


def _named(session: ForecastSession, place: int, traces: tuple[Trace, ...]) -> list[Trace]:
    if len(session.window.target) == 1:
        return list(traces)
    target = session.model.frame.preparation.table.target[place]
    return [replace(trace, branch=f"{trace.branch} of {target}") for trace in traces]
