from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from recurra.data import Columns, Panel, read_panel
from recurra.errors import DataError
from recurra.evaluate import Forecasts, ReportInputs, Scores, render_report, save_figures
from recurra.tasks._estimator import Estimator
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._fine_tuning import fine_tune
from recurra.tasks.forecast._job import (
    Fitted,
    Measured,
    Plan,
    computing,
    fit,
    measure,
    predict,
    prepare,
    test_rows,
    unknown_future,
)
from recurra.tasks.forecast._report import report_inputs
from recurra.tasks.forecast._saving import load_fitted, save_fitted
from recurra.tasks.forecast._tables import forecast_table, like

Choices = tuple[tuple[str, object, str], ...]  # name of an option, its value, the reason


class Forecaster(Estimator[Fitted]):
    """Forecasts series from their past with a recurrent network, and says whether that beats the obvious.

    The keywords of the constructor are the fields of `ForecastConfig`. Data are a path (CSV, TSV, Parquet, Excel) or a
    pandas, polars or pyarrow frame; columns are named by `target`, `time`, `series`, `known`, `past` and `static`.

    >>> from recurra import Forecaster
    >>> from recurra.data import carried_path
    >>> model = Forecaster(target="sunspots", horizon=6, context=48, hidden_size=16, epochs=1)
    >>> model = model.fit(carried_path("sunspots"), progress="none")
    >>> model.predict().columns[:4]
    ['series', 'target', 'time', 'mean']

    After `fit`: `scores_` on the newest rows beside the baselines, `choices_` with reasons, `notes_` on the data,
    `training_` on how it went.
    """

    config_class = ForecastConfig
    _save, _load = staticmethod(save_fitted), staticmethod(load_fitted)
    _render, _draw = staticmethod(render_report), staticmethod(save_figures)

    fitted_: Fitted
    scores_: Scores
    choices_: Choices
    notes_: tuple[str, ...]

    def fit(
        self,
        data: Any,
        y: None = None,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Literal["auto", "none"] = "auto",
        announce: Callable[[tuple[str, ...], Choices], None] | None = None,
    ) -> Self:
        """Train on the oldest rows of `data`, calibrate on the next, and score on the newest.

        `checkpoint` is a file that keeps the place in training; with `resume` an interrupted training goes on from it
        to the result it would have had. `announce` is called with the notes on the data and the choices made, before
        training begins. `y` is there for scikit-learn and ignored.
        """
        config = self.checked_config()
        columns = Columns(**{name: getattr(config, name) for name in Columns.model_fields})
        panel = read_panel(data, columns)
        with computing(config):
            plan = prepare(panel, config)
            self.choices_ = tuple((name, value, why) for name, (value, why) in plan.reasons.items())
            self.notes_ = (*panel.notes, *plan.split.notes)
            if announce is not None:
                announce(self.notes_, self.choices_)
            display = self._display(progress)
            self.fitted_, self.training_ = fit(plan, checkpoint=checkpoint, resume=resume, progress=display)
            self._measured = measure(self.fitted_, panel, plan.split.test_start, self.training_)
        self._plan, self._path, self._panel, self._source = plan, None, panel, data
        self.scores_ = self._measured.scores
        return self

    def fine_tune(self, data: Any, *, keep_zeros: bool = False, progress: Literal["auto", "none"] = "auto") -> Self:
        """Train a fitted model a little longer on rows of `data` that are no newer than what it was fitted on.

        `scores_` are then of newer ones. With `keep_zeros`, weights that are exactly 0 stay so: for what was pruned.
        """
        panel = self._read(data)
        display = self._display(progress)
        with computing(self._model.config):
            tuned = fine_tune(self._model, panel, keep_zeros=keep_zeros, progress=display)
        return self._take_tuned(*tuned)

    def predict(self, data: Any = None, *, seed: int | None = None) -> Any:
        """Forecast the `horizon` rows after the last known target of each series.

        Without `data`, after the end of what was fitted. Rows of `data` whose target is empty give the future values of
        `known` columns; a warning says where they are missing. Gives a table of series, target, time, mean and
        quantiles (`q0.1`, ...): a pandas frame for a pandas frame, else polars. `seed` is for the sampling of a
        recursive decoder; default: that of the fit.
        """
        panel = self._read(data)
        with computing(self._model.config):
            longer, origins, mean, quantiles = predict(self._model, panel, seed=seed)
        if (missing := unknown_future(self._model, longer)) is not None:
            warnings.warn(missing, stacklevel=2)
        table = forecast_table(longer, origins, mean, quantiles, self._model.chosen.levels)
        return like(table, self._source if data is None else data)

    def evaluate(self, data: Any = None) -> Scores:
        """Score the forecasts of all rows of `data` that are newer than what the model has seen, beside the baselines.

        Without `data`, of the test part of what was fitted.
        """
        return self._measure(data).scores

    def backtest(self, data: Any = None) -> Forecasts:
        """The forecasts behind `evaluate`: from each origin, beside what then happened."""
        return self._measure(data).forecasts

    def score(self, data: Any, y: None = None) -> float:
        """Minus the mean absolute scaled error of `evaluate`: larger is better, as scikit-learn's searches expect.

        Where `data` hold new rows alone, and so no history to scale by, minus the weighted quantile loss.
        """
        return self.headline(self.evaluate(data))

    @staticmethod
    def headline(scores: Scores) -> float:
        """What `score` makes of scores: one number, larger is better."""
        metrics = scores.metrics
        errors = [error for error in (metrics["mase"], metrics["wql"], metrics["mae"]) if error is not None]
        return -errors[0] if errors else -math.inf

    def _page(self) -> ReportInputs:
        assert self._plan is not None and self.training_ is not None and self._measured is not None
        return report_inputs(self._model, self._plan, self.training_, self._measured)

    _plan: Plan | None = None
    _measured: Measured | None = None
    _panel: Panel | None = None
    _source: Any = None

    def _read(self, data: Any) -> Panel:
        table = self._model.preparation.table
        if data is not None:
            return read_panel(data, table.columns, schema=table)
        if self._panel is None:
            raise DataError("A loaded model has no data of its own. Pass the rows to forecast from: predict(data).")
        return self._panel

    def _measure(self, data: Any) -> Measured:
        if data is None and self._measured is not None:
            return self._measured
        panel = self._read(data)
        with computing(self._model.config):
            return measure(self._model, panel, test_rows(self._model, panel), None)
