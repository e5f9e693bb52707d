from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from data.windows_case import make_panel
from recurra.blocks import Composition
from recurra.data import Panel
from recurra.nn import Network
from recurra.tasks.forecast._losses import starting_bias
from recurra.tasks.forecast._model import gather
from tasks.forecast.networks import HORIZON, Case

NORMALISATIONS = ("series", "last", "last-scaled", "revin", "mean-scaled", "relative")


def bare(panel: Panel) -> Panel:
    """The panel without covariates and series columns."""
    none = np.zeros((panel.num_rows, 0), dtype=np.float32)
    no_codes = np.zeros((panel.num_rows, 0), dtype=np.int64)
    count = panel.num_series
    schema = panel.schema.model_copy(
        update={"known": (), "past": (), "static": ()}
        | {f"{part}_categories": {} for part in ("known", "past", "static")}
    )
    return replace(
        panel,
        known=none,
        past=none,
        known_codes=no_codes,
        past_codes=no_codes,
        static=none[:count],
        static_codes=no_codes[:count],
        schema=schema,
    )


DIRECT = [
    {"cell": cell, "channels": channels, "bidirectional": both, "normalisation": normalisation}
    for (cell, channels, both), normalisation in zip(
        product(("rnn", "lstm", "gru"), ("independent", "joint"), (False, True)), NORMALISATIONS * 2, strict=True
    )
]
RECURSIVE = [
    {"decoder": "recursive", "cell": cell, "channels": channels, "normalisation": normalisation, "likelihood": like}
    for (cell, channels), normalisation, like in zip(
        product(("rnn", "lstm", "gru"), ("independent", "joint")),
        NORMALISATIONS,
        ("normal", "student-t", "negative-binomial") * 2,
        strict=True,
    )
]
OTHERS: list[dict[str, Any]] = [
    {"num_layers": 2},
    {"loss": "mse"},
    {"loss": "mae", "channels": "joint"},
    {"linear_skip": False},
    {"calendar": False},
    {"segment": 3},
    {"segment": 8},
    {"quantiles": (0.5,)},
    {"decoder": "recursive", "num_layers": 2, "dropout": 0.5},
]


def name(options: dict[str, Any]) -> str:
    return "-".join(str(value) for value in options.values())


@pytest.mark.parametrize("covariates", [True, False])
@pytest.mark.parametrize("options", DIRECT + RECURSIVE + OTHERS, ids=name)
def test_every_composition_builds_runs_and_survives_json(options, covariates) -> None:
    panel = make_panel(0, [40, 30], targets=2, gaps=0.2)
    case = Case(panel=panel if covariates else bare(panel), **options)
    origins = [8, 20, 50, 42]
    raw = case.forecast(origins, samples=5)
    count = len(case.chosen.levels)
    assert raw.mean.shape == (4, HORIZON, 2)
    assert raw.quantiles.shape == (4, HORIZON, 2, count)
    assert raw.spread.shape == (4, 2)
    assert all(np.isfinite(part).all() for part in (raw.mean, raw.quantiles, raw.spread))
    assert (raw.spread > 0).all()

    batch = gather(case.windows, torch.tensor(origins), torch.tensor([0, 1, 1, 0]), case.chosen)
    loss = case.model.loss(case.model.network, batch)
    assert loss.shape == () and loss.isfinite()
    loss.backward()
    gradients = {name: p.grad for name, p in case.model.network.named_parameters() if p.grad is not None}
    assert gradients and all(gradient.isfinite().all() for gradient in gradients.values())

    again = Composition.model_validate_json(case.composition.model_dump_json())
    assert again == case.composition
    assert Network(again).state_dict().keys() == case.model.network.state_dict().keys()


@pytest.mark.parametrize("decoder", ["direct", "recursive"])
def test_every_covariate_reaches_the_forecast(decoder) -> None:
    case = Case(decoder=decoder, gaps=0.0, targets=2)
    case.give_random_weights()
    origin = torch.tensor([20])
    batch = gather(case.windows, origin, torch.tensor([0]), case.chosen)
    if decoder == "direct":
        names = {"target", "observed", "since", "past", "past_codes", "known", "known_codes", "future", "future_codes"}
    else:
        names = {"known", "known_codes", "target"}
    for changed in names | {"static", "static_codes", "channel"}:
        values = batch[changed]
        if changed in ("observed", "since"):
            other = torch.where(torch.arange(values.shape[1])[:, None] == 3, 1 - values, values)
        elif values.dtype == torch.int64:
            other = (values + 1) % (2 if changed == "channel" else 3)
        else:
            other = values + 0.7
        losses = [case.model.loss(case.model.network, {**batch, changed: v}).item() for v in (values, other)]
        assert losses[0] != losses[1], changed


def test_targets_do_not_touch_each_other_when_independent() -> None:
    case = Case(targets=2, gaps=0.0)
    case.give_random_weights()
    other = case.panel.target.copy()
    other[:, 1] += 5
    changed = Case(panel=replace(case.panel, target=other), gaps=0.0)
    changed.model.network.load_state_dict(case.model.network.state_dict())
    one, two = case.forecast([20]).mean, changed.forecast([20]).mean
    np.testing.assert_array_equal(one[..., 0], two[..., 0])
    assert (one[..., 1] != two[..., 1]).all()


def test_targets_are_read_together_when_joint() -> None:
    case = Case(targets=2, gaps=0.0, channels="joint", normalisation="series")
    case.give_random_weights()
    batch = gather(case.windows, torch.tensor([20]), torch.tensor([0]), case.chosen)
    other = {**batch, "target": batch["target"] + torch.tensor([0.0, 1.0])}
    one, two = (case.model.network(given)["forecast"] for given in (batch, other))
    assert (one[..., 0, :] != two[..., 0, :]).all()


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_units_of_a_window_by_hand(normalisation) -> None:
    case = Case(normalisation=normalisation, context=4, segment=1, season=2)
    network = case.model.network
    window = {
        "target": torch.tensor([[0.0, 2.0, 4.0, 0.0]])[..., None],
        "observed": torch.tensor([[0.0, 1.0, 1.0, 0.0]])[..., None],
        "centre": torch.tensor([[[10.0]]]),
        "scale": torch.tensor([[[2.0]]]),
    }
    assert case.chosen.level_steps == 2
    units = network.compute(("level", "spread"), window)
    std = (1 + 0.2**2) ** 0.5  # a tenth of the series' scale is the least
    level, spread = {
        "series": (10, 2),
        "last": (4, 2),
        "last-scaled": (4, std),
        "revin": (3, std),
        "mean-scaled": (0, 3.2),
        "relative": (4, 3.2),  # of the last two steps one is seen
    }[normalisation]
    assert units["level"].item() == pytest.approx(level)
    assert units["spread"].item() == pytest.approx(spread)
    if normalisation != "series":
        assert network.compute(("height",), window)["height"].item() == pytest.approx((level - 10) / 2)


@pytest.mark.parametrize("segment", [1, 2])
def test_a_fresh_network_starts_with_normal_quantiles(segment) -> None:
    case = Case(normalisation="last", gaps=0.0, segment=segment)
    head = [block for block in case.model.network.chains["decoded"].children() if isinstance(block, torch.nn.Linear)]
    expected = starting_bias(case.chosen.levels) * segment
    assert head[-1].bias.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_composition_must_name_what_it_takes() -> None:
    with pytest.raises(ValueError, match="takes"):
        Composition.model_validate(Case().composition.model_dump() | {"inputs": {}})
