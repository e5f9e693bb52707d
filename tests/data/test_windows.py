from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis.strategies import booleans, integers, lists, sampled_from

from data.windows_case import make_panel, naive_window
from recurra.data import Panel, Windows, fit_preparation


def inputs(panel: Panel) -> dict[str, np.ndarray]:
    """A panel's arrays that a window could show."""
    return {name: getattr(panel, name) for name in ("target", "past", "past_codes", "known", "known_codes")}


@settings(max_examples=60, deadline=None)
@given(
    seed=integers(0, 9999),
    lengths=lists(integers(2, 9), min_size=1, max_size=3),
    targets=integers(1, 2),
    gaps=sampled_from([0.0, 0.4]),
    joint=booleans(),
    context=integers(1, 12),
    horizon=integers(1, 3),
    pad=integers(0, 3),
    training_rows=integers(1, 9),
)
def test_gather_agrees_with_cutting_number_by_number(
    seed, lengths, targets, gaps, joint, context, horizon, pad, training_rows
) -> None:
    panel = make_panel(seed, lengths, targets=targets, gaps=gaps)
    first = np.arange(panel.num_rows) < training_rows  # the last series may be new
    preparation = fit_preparation(panel, first, calendar=True)
    windows = Windows(panel, preparation, joint=joint)
    starts = [r for a, b in zip(panel.offsets, panel.offsets[1:], strict=False) for r in range(a + 1, b - horizon + 1)]
    channels = [list(range(targets))] if joint else [[c] for c in range(targets)]
    asked = [(row, picked) for row in starts for picked in channels]
    assume(asked)
    batch = windows.gather(
        torch.tensor([row for row, _ in asked]),
        None if joint else torch.tensor([picked[0] for _, picked in asked]),
        context=context,
        horizon=horizon,
        padded=horizon + pad,
    )
    for index, (row, picked) in enumerate(asked):
        expected = naive_window(panel, preparation, row, picked, context=context, horizon=horizon, padded=horizon + pad)
        assert expected.keys() == batch.keys() - {"channel"}
        assert batch["channel"][index].tolist() == ([0] if joint else picked)
        for name, values in expected.items():
            given = batch[name][index]
            assert torch.isfinite(given).all(), name
            torch.testing.assert_close(given, torch.tensor(values, dtype=given.dtype).reshape(given.shape), msg=name)


@pytest.mark.parametrize("joint", [False, True])
def test_widths_are_those_of_the_tensors(joint) -> None:
    panel = make_panel(0, [9, 7], targets=2, gaps=0.3)
    windows = Windows(panel, fit_preparation(panel, np.ones(16, dtype=bool), calendar=True), joint=joint)
    channels = None if joint else torch.tensor([0, 1])
    batch = windows.gather(torch.tensor([3, 12]), channels, context=4, horizon=2, padded=2)
    widths = windows.widths()
    assert {name: batch[name].shape[-1] for name in widths if name != "channel"} == {
        name: width for name, width in widths.items() if name != "channel"
    }
    assert widths["channel"] == (0 if joint else 1)


@pytest.mark.parametrize("name", ["target", "past", "past_codes", "known", "known_codes"])
@pytest.mark.parametrize("new", [False, True])
def test_only_known_columns_are_seen_from_the_origin_on(name, new) -> None:
    panel = make_panel(1, [12, 12], targets=2, gaps=0.2)
    training = np.arange(24) < 8
    preparation = fit_preparation(panel, training, calendar=True)
    origin = 18 if new else 9
    values = inputs(panel)[name].copy()
    values[origin:] = 2 if values.dtype.kind == "i" else 1e6
    later = replace(panel, **{name: values})
    before, after = (
        Windows(p, preparation, joint=True).gather(torch.tensor([origin]), None, context=5, horizon=3, padded=4)
        for p in (panel, later)
    )
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    expected = {"known": {"future"}, "known_codes": {"future_codes"}, "target": {"truth", "truth_observed"}}
    assert changed == expected.get(name, set())


def test_a_new_series_is_measured_by_its_rows_up_to_now() -> None:
    panel = make_panel(2, [6, 6])
    panel.target[6:, 0] = [np.nan, 1, 3, 5, np.nan, 100]
    preparation = fit_preparation(panel, np.arange(12) < 6, calendar=False)
    assert preparation.series == ("s0",)
    windows = Windows(panel, preparation, joint=True)
    batch = windows.gather(torch.arange(7, 12), None, context=2, horizon=1, padded=1)
    assert batch["centre"].flatten().tolist() == [0, 1, 2, 3, 3]
    typical = pytest.approx(preparation.typical_scale[0])
    assert batch["scale"].flatten().tolist() == [
        typical,
        typical,
        1,
        pytest.approx((8 / 3) ** 0.5),
        pytest.approx((8 / 3) ** 0.5),
    ]


def test_a_huge_new_series_takes_no_digits_from_a_small_one() -> None:
    panel = make_panel(3, [6, 50, 50])
    panel.target[6:56] = panel.target[6:56] * 1e12
    preparation = fit_preparation(panel, np.arange(106) < 6, calendar=False)
    batch = Windows(panel, preparation, joint=True).gather(torch.tensor([105]), None, context=2, horizon=1, padded=1)
    small = panel.target[56:105].astype(np.float64)
    assert batch["centre"].item() == pytest.approx(small.mean())
    assert batch["scale"].item() == pytest.approx(small.std())
