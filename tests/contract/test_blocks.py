from __future__ import annotations

import typing

import pytest
import torch
from pydantic import TypeAdapter

from cases.blocks import BLOCKS, BlockCase
from recurra import blocks, nn


def output(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = module(x)
    return y[0] if isinstance(y, tuple) else y


def test_every_block_is_listed() -> None:
    union = typing.get_args(blocks.AnyBlock)[0]
    assert {type(case.block) for case in BLOCKS} == set(typing.get_args(union))


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_declared_width_is_the_output_width(case: BlockCase) -> None:
    assert output(case.build(), case.sample(batch=2, seed=0)).shape[-1] == case.block.width(case.shape[-1])


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_declaration_survives_json(case: BlockCase) -> None:
    adapter = TypeAdapter(blocks.AnyBlock)
    assert adapter.validate_json(case.block.model_dump_json()) == case.block


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_rows_of_a_batch_do_not_touch_each_other(case: BlockCase) -> None:
    module, x = case.build(), case.sample(batch=4, seed=1)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(output(module, x[order]), output(module, x)[order])
    torch.testing.assert_close(output(module, x[:1]), output(module, x)[:1])


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_causal_is_what_it_says(case: BlockCase) -> None:
    """A causal block's first steps don't change with later input."""
    module, x = case.build(), case.sample(batch=2, seed=2)
    later = case.sample(batch=2, seed=9)
    cut = x.shape[1] // 2
    changed = torch.cat([x[:, :cut], later[:, cut:]], dim=1)
    before, after = output(module, x), output(module, changed)
    if case.block.causal and "time" in case.block.gives.replace("...", "time"):
        torch.testing.assert_close(before[:, :cut], after[:, :cut], rtol=0, atol=0)
        assert before.shape[1] == x.shape[1]


@pytest.mark.parametrize(
    "case",
    [c for c in BLOCKS if isinstance(c.block, blocks.Recurrent | blocks.Pool | blocks.Crf) and c.block.causal],
    ids=str,
)
@pytest.mark.parametrize("cut", [1, 3, 6])
def test_chunks_do_not_matter(case: BlockCase, cut: int) -> None:
    module, x = case.build(), case.sample(batch=2, seed=4)
    whole, end = module(x)
    first, state = module(x[:, :cut])
    second, state = module(x[:, cut:], state)
    pieces = second if isinstance(case.block, blocks.Pool) else torch.cat([first, second], dim=1)
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(state, end)


@pytest.mark.parametrize(
    "case",
    [c for c in BLOCKS if isinstance(c.block, blocks.Recurrent | blocks.Pool | blocks.Crf | blocks.Last)],
    ids=str,
)
def test_padding_beyond_a_length_changes_nothing(case: BlockCase) -> None:
    module, x = case.build(), case.sample(batch=2, seed=4)
    lengths = torch.tensor([3, 7])
    padded = module(x.clone().index_fill_(1, torch.tensor([5, 6]), 7.0), lengths=lengths)
    padded = padded[0] if isinstance(padded, tuple) else padded
    alone = output(module, x[:1, :3])
    torch.testing.assert_close(padded[:1, :3] if alone.dim() == 3 else padded[:1], alone)


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_saved_weights_give_the_same_output(case: BlockCase) -> None:
    module, x = case.build(), case.sample(batch=2, seed=5)
    torch.manual_seed(77)
    other = case.build_anew()
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(output(other, x), output(module, x), rtol=0, atol=0)


def test_level_is_the_last_observed_value() -> None:
    values = torch.tensor([[[5.0], [7.0], [0.0]], [[0.0], [0.0], [0.0]]])
    observed = torch.tensor([[[1.0], [1.0], [0.0]], [[0.0], [0.0], [0.0]]])
    level = nn.build(blocks.Level(method="last"), 2)(torch.cat([values, observed], -1))
    torch.testing.assert_close(level, torch.tensor([[[7.0]], [[0.0]]]))


def test_mean_and_spread_leave_missing_values_out() -> None:
    values = torch.tensor([[[2.0], [0.0], [6.0]]])
    observed = torch.tensor([[[1.0], [0.0], [1.0]]])
    level = nn.build(blocks.Level(method="mean"), 2)(torch.cat([values, observed], -1))
    assert level.item() == 4.0
    scale = torch.full_like(values, 10.0)
    spread = nn.build(blocks.Spread(method="std"), 3)(torch.cat([values, observed, scale], -1))
    assert spread.item() == pytest.approx((2.0**2 + 1.0**2) ** 0.5)


def test_segments_and_steps_are_inverse() -> None:
    x = torch.randn(2, 12, 3)
    torch.testing.assert_close(
        nn.build(blocks.Steps(size=4), 12)(nn.build(blocks.Segments(size=4), 3)(x)), x, rtol=0, atol=0
    )
