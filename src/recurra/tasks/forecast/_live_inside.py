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
    model, decoder, learner = session.model, session.model.decoder, session.learner
    inputs: dict[str, np.ndarray] = dict(session.inputs.now())
    if isinstance(decoder, Direct):
        found, traces = _looked(session, inputs, hold, () if learner is None else decoder.learning_outputs)
        forecast = found["forecast"] if learner is None else learner.learned(decoder.joined([*found.values()]))
        raw, spread = decoder.split(forecast, found["spread"])
    else:
        assert isinstance(decoder, Sampled)
        if hold:
            raise ConfigError(
                f"hold={hold!r}: gates of a recursive decoder can't be held. Look without, or train a direct one."
            )
        raw, spread = decoder.forecast(inputs, ((session.seed, session.steps),))
        _, traces = _looked(session, decoder.context(inputs, *decoder.units(inputs)), None, ())
    return Inside(model.answer(session, session.tracker.calibrate(raw[0], spread[0])), tuple(traces))


def _looked(
    session: ForecastSession,
    inputs: Mapping[str, np.ndarray],
    hold: Mapping[str, float] | None,
    wanted: tuple[str, ...],
) -> tuple[dict[str, np.ndarray], list[Trace]]:
    """What the network gives, and the gates on the way to it, target after target."""
    outputs, traces = [], []
    for place in range(len(session.window.target)):
        one = {name: np.ascontiguousarray(array[place : place + 1]) for name, array in inputs.items()}
        found, seen = session.model.decoder.network.inside(one, hold=hold, outputs=wanted)
        outputs.append(found)
        traces += _named(session, place, seen)
    return {name: np.concatenate([each[name] for each in outputs]) for name in outputs[0]}, traces


def _named(session: ForecastSession, place: int, traces: tuple[Trace, ...]) -> list[Trace]:
    if len(session.window.target) == 1:
        return list(traces)
    target = session.model.frame.preparation.table.target[place]
    return [replace(trace, branch=f"{trace.branch} of {target}") for trace in traces]
