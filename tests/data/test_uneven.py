from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from recurra.data import Columns, Windows, fit_preparation, read_panel


def test_time_since_the_last_observation_is_shown_where_rows_are_uneven():
    hours = [0, 1.5, 3.1, 4, 9, 10.7, 20, 21.3, 23]
    values = [1.0, 2.0, None, None, 5.0, 6.0, 7.0, 8.0, 9.0]
    start = np.datetime64("2020-01-01T00:00:00")
    when = start.astype("datetime64[us]") + (np.array(hours) * 3.6e9).astype("timedelta64[us]")
    frame = pl.DataFrame({"when": when, "y": values})
    panel = read_panel(frame, Columns(target=("y",), time=("when",)))
    assert panel.schema.frequency is None
    preparation = fit_preparation(panel, np.ones(len(hours), dtype=bool), calendar=False)
    assert preparation.has_gaps
    assert preparation.uneven_step == pytest.approx(1.65 * 3.6e9)
    windows = Windows(panel, preparation, joint=False)
    shown = torch.expm1(3 * windows.since[:, 0]) * 1.65
    expected = torch.tensor([0.0, 1.5, 1.6, 2.5, 7.5, 1.7, 9.3, 1.3, 1.7])
    torch.testing.assert_close(shown, expected, rtol=1e-4, atol=1e-4)
