"""A forecaster that trains nothing and says what seasonal-naive says, on the windows that the real one is scored on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from recurra.data import Columns, read_panel
from recurra.evaluate import split_in_time, windows


class Naive:
    def __init__(self, **options: Any) -> None:
        self.options = options
        self.season = options["season"]

    def fit(self, frame: Any, *, progress: str) -> Naive:
        given = {name: self.options[name] for name in Columns.model_fields if name in self.options}
        self.panel = read_panel(frame, Columns(**given))
        return self

    def backtest(self) -> Any:
        panel, horizon = self.panel, self.options["horizon"]
        split = split_in_time(
            panel, validation=self.options["validation"], test=str(self.options["test"]), horizon=horizon
        )
        origins = windows(split, "test", context_min=self.options["context"], horizon=horizon)
        ahead = np.arange(horizon)
        mean = panel.target[origins[:, None] + ahead % self.season - self.season]
        truth = panel.target[origins[:, None] + ahead]
        return SimpleNamespace(mean=mean, median=mean, truth=truth, split=split)
