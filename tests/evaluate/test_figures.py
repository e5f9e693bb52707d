from __future__ import annotations

import io

import numpy as np
import pytest

from recurra.evaluate._excerpts import Excerpt
from recurra.evaluate._figures import PALETTE, finder_figure, forecast_figure, horizon_figure, learning_figure
from recurra.evaluate._scores import PerHorizon
from recurra.evaluate._svg import to_svg


def excerpt_of(at: np.ndarray, values: np.ndarray) -> Excerpt:
    half = len(at) // 2
    return Excerpt(
        series="北京",
        target="气温",
        begins="",
        error=1.0,
        past_at=at[:half],
        past=values[:half],
        at=at[half:],
        truth=values[half:],
        median=values[half:],
        intervals=((0.95, values[half:] - 2, values[half:] + 2), (0.8, values[half:] - 1, values[half:] + 1)),
        baseline=None,
        baseline_name=None,
    )


@pytest.mark.parametrize("points", [4, 90])
@pytest.mark.parametrize("step", [(1, "s"), (2, "m"), (49, "m"), (1, "D"), (10, "D"), (366, "D")])
def test_times_of_any_spacing_are_drawn_without_complaint(step, points):
    at = np.datetime64("2020-02-28T22:00", "us") + np.arange(points) * np.timedelta64(*step)
    text = to_svg(forecast_figure(excerpt_of(at, np.arange(points, dtype=float))), name="a", description="b")
    assert text.count("<text") >= 4


@pytest.mark.parametrize(
    "values", [np.zeros(20), np.full(20, np.nan), np.full(20, 1e9) + np.arange(20), np.geomspace(1e-9, 1e-7, 20)]
)
def test_values_of_any_size_are_drawn_without_complaint(values):
    to_svg(forecast_figure(excerpt_of(np.arange(20), values)), name="a", description="b")


def test_what_cannot_be_seen_is_described():
    text = to_svg(learning_figure([3.0], [2.0], 1), name="a", description='loss of "a" & b')
    assert text.startswith("<svg viewBox=")
    assert 'role="img" aria-label="loss of &quot;a&quot; &amp; b"' in text


def test_equal_figures_give_equal_text_and_names_keep_ids_apart():
    texts = [
        to_svg(learning_figure([3.0, 2.0], [2.0, 2.5], 1), name=name, description="b") for name in ("one", "one", "two")
    ]
    assert texts[0] == texts[1] != texts[2]


def test_losses_that_fall_far_are_on_a_logarithmic_scale():
    assert learning_figure([100.0, 1.0], [90.0, 2.0], None).axes[0].get_yscale() == "log"
    assert learning_figure([3.0, 1.0], [2.0, 2.0], None).axes[0].get_yscale() == "linear"
    assert learning_figure([3.0, float("nan")], [2.0], None).axes[0].get_yscale() == "linear"


def test_a_finder_that_chose_nothing():
    assert len(finder_figure([0.1, 1.0], [2.0, 3.0], None).axes[0].lines) == 1


def test_every_baseline_has_a_line():
    errors: dict[str, dict[str, tuple[float | None, ...]]] = {
        name: {"mae": (1.0, None, 2.0), "rmse": (1.0, 2.0, 3.0)} for name in ("model", "a", "b", "c", "d", "e")
    }
    table = PerHorizon(steps=(1, 2, 3), errors=errors, coverage={})
    figure = horizon_figure(table, "mae", ["a", "b", "c", "d", "e"])
    assert [line.get_label() for line in figure.axes[0].lines] == ["a", "b", "c", "d", "e", "model"]
    figure.savefig(io.BytesIO(), format="png")


def test_colours_differ():
    assert len(set(PALETTE.values())) == len(PALETTE)
