"""A forecaster at work, without torch: what `recurra.runtime.load` gives for bundles of this task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from recurra.blocks import Composition
from recurra.bundle import Bundle
from recurra.data._preparation import Preparation
from recurra.errors import BundleError, ConfigError, DataError
from recurra.runtime import Model, Network, Session, Spec, unseal
from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._live_answer import About, Forecast, answer_schema, document, table_rows
from recurra.tasks.forecast._live_decoding import Decoder, Direct, Sampled, Stacked
from recurra.tasks.forecast._live_frame import frame_of
from recurra.tasks.forecast._live_learning import Parts
from recurra.tasks.forecast._live_reading import columns_of, example, row_schema, series_label
from recurra.tasks.forecast._live_session import ForecastSession
from recurra.tasks.forecast._live_state import read_options, unpack
from recurra.tasks.forecast._live_tracking import follow

_OPTIONS = {
    "adapt": {
        "type": "boolean",
        "default": True,
        "description": "Widen, narrow and move the intervals as the truth arrives.",
    },
    "learn": {
        "type": "boolean",
        "default": False,
        "description": "Fine-tune a direct decoder's head as the truth arrives, and take it back where it harms.",
    },
    "seed": {"type": ["integer", "null"], "default": None, "description": "Of what a recursive decoder draws."},
    "plan": {
        "type": ["boolean", "null"],
        "default": None,
        "description": "What a row without a target says: what is known ahead (true), or that time has passed and "
        "nothing was observed (false). By default, true for models with columns that are known ahead.",
    },
}


def open_forecaster(bundle: Bundle) -> LiveForecaster:
    """Load a forecaster to run it. BundleError where its parts don't fit together."""
    return LiveForecaster(bundle)


class LiveForecaster(Model):
    """A forecaster whose sessions take in rows and give forecasts of all steps ahead."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        try:
            chosen = dict(bundle.manifest.inputs)["chosen"]
            assert isinstance(chosen, dict)
            floor = [-np.inf if value is None else value for value in chosen["floor"]]  # pyright: ignore
            self.chosen = Chosen.model_validate(chosen | {"floor": floor})
            composition = Composition.model_validate(bundle.manifest.network)
            preparation = Preparation.model_validate_json(bundle.read("preprocessing.json"))
            self.frame = frame_of(self.chosen, preparation, composition.inputs)
            shift = bundle.arrays("calibration.safetensors")["shift"].astype(np.float32)
            base = np.concatenate([np.zeros_like(shift[..., :1]), shift], axis=-1)  # (K, C, 1 + Q), of the mean 0
            self.decoder = _decoder(bundle, composition, self.chosen, self.frame.targets)
            trained = _trained_errors(bundle.document("scores.json"), preparation)
            self.followed = follow(base, self.chosen.levels, self.chosen.floor, trained)
            self._seed = int(bundle.manifest.config["seed"])  # pyright: ignore[reportArgumentType]
        except (ValidationError, KeyError, TypeError, AssertionError) as error:
            raise BundleError(
                f"{bundle.path} is whole, but its content does not fit together ({type(error).__name__}). It may come "
                "from another version of recurra; fit the model again."
            ) from error
        table = preparation.table
        self.plans = bool(
            table.known or table.known_categories
        )  # whether rows without a target say what is known ahead
        self._about = About(self.chosen.levels, table.target, self.frame.clock)
        self._nothing = base[:0]

    def __repr__(self) -> str:
        targets = ", ".join(self.frame.preparation.table.target)
        return f"<Forecaster {self.name!r}, {self.chosen.horizon} steps ahead of {targets}>"

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> ForecastSession:
        """A session at the beginning of a series, named by the values of its id columns, if there are any."""
        if options.keys() - _OPTIONS.keys():
            strangers = ", ".join(sorted(options.keys() - _OPTIONS.keys()))
            raise ConfigError(f"{strangers}: {self.name} has no such option; it has {', '.join(_OPTIONS)}.")
        names = self.frame.preparation.table.columns.series
        if not isinstance(id, (list, tuple)):
            raise ConfigError(f"id={id!r}: expected a list, id=[{str(id)!r}], with the value of each id column.")
        if id and len(id) != len(names):
            raise ConfigError(
                f"id has {len(id)} values ({', '.join(map(str, id))}); expected one for each of "
                f"{', '.join(names) if names else 'no columns: the model knows a single series'}."
            )
        seed, plan = options.get("seed"), options.get("plan")
        adapt, learn = options.get("adapt", True), options.get("learn", False)
        plan = self.plans if plan is None else plan
        switches = all(isinstance(switch, bool) for switch in (adapt, learn, plan))
        if not switches or not (seed is None or (type(seed) is int and 0 <= seed < 2**63)):
            raise ConfigError(
                f"adapt={adapt!r}, learn={learn!r}, plan={plan!r}, seed={seed!r}: expected true or false for adapt, "
                "learn and plan, a whole number from 0 up for seed."
            )
        if learn and not isinstance(self.decoder, Direct):
            raise ConfigError(
                f"learn=True: {self.name} decodes recursively, and only direct decoders learn on. Leave it out."
            )
        label = series_label(list(id)) if id else "(missing)" if names else ""
        seed = self._seed if seed is None else seed
        return ForecastSession(self, label, adapt=adapt, learn=learn, plan=plan, seed=seed)

    def restore(self, state: bytes) -> ForecastSession:
        """The session that gave these bytes."""
        content = unseal(self.fingerprint, state)
        series, options = read_options(content)
        session = ForecastSession(self, series, **options)
        unpack(session, content)
        return session

    def push_many(self, sessions: Sequence[ForecastSession], xs: Sequence[Any]) -> list[Forecast]:
        """A row for each of several sessions, all windows through the network at once."""
        self._check_pairs(sessions, xs)
        if len({id(session) for session in sessions}) != len(sessions):
            raise DataError(f"One of {len(sessions)} sessions was given twice; expected different sessions.")
        entries = []
        for place, (session, x) in enumerate(zip(sessions, xs, strict=True)):
            try:
                entries.append(session.read(x))
            except DataError as error:
                raise DataError(f"push {place}: {error}") from error
        for session, entry in zip(sessions, entries, strict=True):
            session.enter(entry)
        answers = {id(session): self.unready(session) for session in sessions if session.needs}
        for forecast, learn in ((self.forecast, False), (self.forecast_learning, True)):
            ready = [session for session in sessions if not session.needs and session.learn == learn]
            if ready:
                windows = [session.inputs.now() for session in ready]
                stacked = {name: np.concatenate([window[name] for window in windows]) for name in windows[0]}
                answers |= zip(map(id, ready), forecast(ready, stacked), strict=True)
        return [answers[id(session)] for session in sessions]

    def spec(self) -> Spec:
        """What rows and forecasts look like."""
        table, clock = self.frame.preparation.table, self.frame.clock
        row = row_schema(table, clock)
        single = {"type": ["number", "null"], "description": f"the next {table.target[0]}"}
        return Spec(
            push={"anyOf": [single, row]} if len(table.target) == 1 else row,
            answer=answer_schema(self.chosen.levels, table.target),
            options={"type": "object", "properties": _OPTIONS, "additionalProperties": False},
            columns=columns_of(table, clock),
            id_columns=table.columns.series,
            example=example(table, clock),
        )

    def document(self, answer: Forecast) -> dict[str, Any]:
        """Times, targets, mean and quantiles, or how many rows are still needed."""
        return document(answer)

    def rows(self, session: Session, answer: Forecast) -> list[dict[str, Any]]:
        """A row for each step and target, as `Forecaster.predict` has them."""
        assert isinstance(session, ForecastSession)
        return table_rows(session.series, answer)

    def forecast(self, sessions: Sequence[ForecastSession], inputs: Stacked) -> list[Forecast]:
        """The answers of sessions that don't learn, from their stacked windows."""
        raw, spreads = self.decoder.forecast(inputs, [(session.seed, session.steps) for session in sessions])
        return [self.finish(*each) for each in zip(sessions, raw, spreads, strict=True)]

    def forecast_learning(self, sessions: Sequence[ForecastSession], inputs: Stacked) -> list[Forecast]:
        """The same of sessions that learn: what they have learned comes before the calibration."""
        decoder, rows = self.decoder, self.frame.rows
        assert isinstance(decoder, Direct)
        parts = decoder.parts(inputs)
        answers = []
        for place, session in enumerate(sessions):
            assert session.learner is not None
            own = Parts(*(array[place * rows : (place + 1) * rows] for array in parts))
            said = session.learner.learned(own)
            session.learner.remember(session.window.count - 1, own, said)
            raw, spread = decoder.split(said, own.spread)
            answers.append(self.finish(session, raw[0], spread[0]))
        return answers

    def finish(self, session: ForecastSession, raw: np.ndarray, spread: np.ndarray) -> Forecast:
        """The calibrated forecast of a session, which it will hold against the truth."""
        return self.answer(session, session.tracker.finish(session.window.count - 1, raw, spread))

    def answer(self, session: ForecastSession, forecast: np.ndarray) -> Forecast:
        """A calibrated forecast (K, C, 1 + Q) with all that is said beside it; without rows while none can be made."""
        learner, count = session.learner, len(forecast)
        return Forecast(
            forecast,
            session.window.times_ahead(count),
            self._about,
            0 if count else session.needs,
            session.tracker.drift(),
            None if learner is None else learner.report(),
        )

    def unready(self, session: ForecastSession) -> Forecast:
        """The answer while too few rows have come."""
        return self.answer(session, self._nothing)


def _decoder(bundle: Bundle, composition: Composition, chosen: Chosen, targets: int) -> Decoder:
    if chosen.decoder == "direct":
        network = Network(composition, bundle.quantised(), outputs=("forecast", "spread"))
        return Direct(network, chosen, targets)
    samples = bundle.manifest.config["samples"]
    assert isinstance(samples, int)
    return Sampled(Network(composition, bundle.quantised(), outputs=("outcome",)), chosen, targets, samples)


def _trained_errors(scores: Mapping[str, Any], preparation: Preparation) -> tuple[float, ...]:
    """The error of one step ahead on the test part, for each target, in scales of the series; none if unknown."""
    whole = scores["metrics"]["mae"]
    first = scores["per_horizon"]["errors"]["model"]["mae"][:1]
    if not whole or not first or not first[0] or not preparation.scale:
        return ()
    usual = np.mean(np.asarray(preparation.scale), axis=0)
    names = preparation.table.target
    errors = [scores["per_target"][name]["model"]["mae"] for name in names] if len(names) > 1 else [whole]
    if not all(errors):
        return ()
    return tuple(error * first[0] / whole / scale for error, scale in zip(errors, usual.tolist(), strict=True))
