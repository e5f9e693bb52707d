from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from recurra.errors import DataError
from recurra.runtime import Inside, Session, seal
from recurra.runtime._native import Tracker
from recurra.tasks.forecast._live_answer import Forecast
from recurra.tasks.forecast._live_decoding import Raw, Seed
from recurra.tasks.forecast._live_inputs import Inputs
from recurra.tasks.forecast._live_inside import look_inside
from recurra.tasks.forecast._live_learning import Learner
from recurra.tasks.forecast._live_moments import Moments
from recurra.tasks.forecast._live_places import place
from recurra.tasks.forecast._live_reading import Row
from recurra.tasks.forecast._live_state import pack, unpack
from recurra.tasks.forecast._live_window import Window

if TYPE_CHECKING:
    from recurra.tasks.forecast._live import LiveForecaster


class Entry(NamedTuple):
    """A push that was read and found to follow the rows before."""

    row: Row
    ahead: int
    time: int


class ForecastSession(Session):
    """One series that a forecaster follows: rows are pushed, each answered by a forecast of what comes next."""

    def __init__(self, model: LiveForecaster, series: str, *, adapt: bool, learn: bool, plan: bool, seed: int) -> None:
        self.model: LiveForecaster = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.series, self.adapt, self.learn, self.plan, self.seed = series, adapt, learn, plan, seed
        self.reset()

    def push(self, x: Any) -> Forecast:
        """Take in the next row and forecast the rows after it.

        `x` is a number, where there is one target, or a mapping of columns to values as a table has them. A row
        without a target is time that has passed with nothing observed, and so is one that was left out of a regular
        series. With `plan`, a row without a target says what is known of the time ahead: forecasts begin after the last
        row with one, and it counts as missing once a later row has one.
        """
        self.enter(self.read(x))
        if self.needs:
            return self.model.unready(self)
        if self.learner is not None:
            return self.model.forecast_learning([self], self.inputs.now())[0]
        if self._look is None:
            self._look = self.model.decoder.bind(self.inputs)
        return self.model.finish(self, *self._look((self.seed, self.steps)))

    def observe(self, x: Any) -> None:
        """Take in the next row without forecasting."""
        entry = self.read(x)
        self.enter(entry)
        if not self._is_plan(entry.row):
            self.tracker.forget(self.window.count - 1)

    def state(self) -> bytes:
        """Everything that the next forecast depends on."""
        return seal(self.model.fingerprint, pack(self))

    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""
        other = type(self)(self.model, self.series, **self.options)
        unpack(other, pack(self))
        return other

    def reset(self) -> None:
        """Back to the beginning of the series, with the bundle's calibration."""
        model = self.model
        self.steps = 0
        known = self.series in model.frame.places
        self.window = Window(model.frame, None if known else Moments(model.frame.targets))
        self.inputs = Inputs(model.frame, self.window, self.series)
        self.tracker = Tracker(model.followed, self.adapt)
        self._look: Callable[[Seed], Raw] | None = None  # what forecasts from the inputs
        self.learner = Learner(model.chosen, model.frame.targets) if self.learn else None

    @property
    def options(self) -> dict[str, Any]:
        """What `stream` was asked for, or settled on."""
        return {"adapt": self.adapt, "learn": self.learn, "plan": self.plan, "seed": self.seed}

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push of `x` would say, seen from within; without it, what the last one said."""
        session = self
        if x is not None:
            session = self.fork()
            session.enter(session.read(x))
        if session.needs:
            raise DataError(
                f"{session.needs} more rows are needed before there is a forecast to look into. Push them first."
            )
        return look_inside(session, hold)

    @property
    def needs(self) -> int:
        """Rows that must still come before there is a forecast."""
        window = self.window
        missing = self.model.chosen.shortest_history - window.count
        return missing if missing > 0 else 0 if window.has_seen else 1

    def read(self, x: Any) -> Entry:
        """What a push says and where it belongs. DataError for what can't follow; nothing changes."""
        row = self.model.frame.reader.read(x, self.series)
        ahead, time = place(self.window, row)
        if row.static or row.static_codes:
            self._check_static(row)
        return Entry(row, ahead, time)

    def enter(self, entry: Entry) -> None:
        """Take in what was read."""
        row, ahead, time = entry
        window, tracker = self.window, self.tracker
        self.steps += 1
        if row.static or row.static_codes:
            self._settle_static(row)
        if self._is_plan(row):
            window.plan(ahead, time, row)
            return
        number = window.count + ahead
        if ahead:
            for passed in range(window.count, min(number, tracker.until + 1)):
                tracker.forget(passed)
        tracker.judge(number, row.target, self.inputs.scales())
        if self.learner is not None:
            self.learner.learn(number, row.target)
        window.take(ahead, time, row)

    def _is_plan(self, row: Row) -> bool:
        return self.plan and row.is_empty

    def _check_static(self, row: Row) -> None:
        table, inputs = self.model.frame.preparation.table, self.inputs
        pairs = [*zip(table.static, inputs.static_values, row.static, strict=True)]
        pairs += zip(table.static_categories, inputs.static_codes, row.static_codes, strict=True)
        for name, before, now in pairs:
            if before == before and now == now and before and now and before != now:
                raise DataError(
                    f"{name} has changed within the series; it describes a series as a whole. Push the value that it "
                    "had before, or open a session for the other series."
                )

    def _settle_static(self, row: Row) -> None:
        inputs = self.inputs
        values = tuple(old if old == old else new for old, new in zip(inputs.static_values, row.static, strict=True))
        codes = tuple(old or new for old, new in zip(inputs.static_codes, row.static_codes, strict=True))
        if repr(values) != repr(inputs.static_values) or codes != inputs.static_codes:
            inputs.set_static(values, codes)
