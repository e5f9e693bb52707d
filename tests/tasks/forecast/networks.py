"""Untrained networks over small panels, for the tests of what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from data.windows_case import make_panel
from recurra.data import Panel, Preparation, Windows, fit_preparation
from recurra.tasks.forecast._choices import Chosen, choose
from recurra.tasks.forecast._composition import compose
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._job import categories
from recurra.tasks.forecast._model import Model

HORIZON = 5


class Case:
    """A panel of two series with all kinds of covariates, and a network of random weights for it."""

    def __init__(self, *, targets: int = 1, gaps: float = 0.2, panel: Panel | None = None, **options: Any) -> None:
        given = {"context": 8, "segment": 2, "hidden_size": 6, "season": 1, "dropout": 0.0, **options}
        self.config = ForecastConfig.model_validate(given)
        self.panel = panel or make_panel(0, [40, 30], targets=targets, gaps=gaps)
        training = np.ones(self.panel.num_rows, dtype=bool)
        self.preparation: Preparation = fit_preparation(self.panel, training, calendar=self.config.calendar)
        self.chosen: Chosen = choose(self.panel, training, self.config, {}, horizon=HORIZON, has_gaps=True)
        self.windows = Windows(self.panel, self.preparation, joint=self.chosen.joint)
        self.composition = compose(self.chosen, self.windows.widths(), categories(self.panel, self.chosen))
        torch.manual_seed(1)
        self.model = Model(self.composition, self.chosen)
        self.model.network.eval()

    def give_random_weights(self) -> None:
        """Replace what starts at zero."""
        with torch.no_grad():
            for parameter in self.model.network.parameters():
                parameter.copy_(torch.randn(parameter.shape) * 0.3)

    def forecast(self, origins: list[int], **options: Any):
        return self.model.forecast(self.windows, np.array(origins, dtype=np.int64), **options)
