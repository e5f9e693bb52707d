"""Codes drawn by the core: what numpy would draw, from the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recurra.blocks import Branch, Composition, Embedding, Linear, Recurrent
from recurra.errors import ConfigError
from recurra.runtime import Network, generate_codes

CODES = 11


@pytest.fixture(scope="module")
def network() -> Network:
    composition = Composition(
        inputs={"code": 1},
        branches=(
            Branch(
                name="next",
                takes=("code",),
                blocks=(
                    Embedding(categories=(CODES,), sizes=(5,)),
                    Recurrent(cell="lstm", hidden_size=9, num_layers=2),
                    Linear(size=CODES),
                ),
            ),
        ),
    )
    draw = np.random.default_rng(5)
    shapes = {"0.tables.0.weight": (CODES, 5), "2.weight": (CODES, 9), "2.bias": (CODES,)}
    for layer, width in ((0, 5), (1, 9)):
        shapes |= {f"1.weight_ih_l{layer}": (36, width), f"1.weight_hh_l{layer}": (36, 9)}
        shapes |= {f"1.bias_ih_l{layer}": (36,), f"1.bias_hh_l{layer}": (36,)}
    weights = {f"chains.next.{name}": draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Network(composition, weights)


def by_numpy(network: Network, steps: int, seed: int, how: dict[str, Any]) -> tuple[list[int], list[float]]:
    """The same by steps of the network and a walk through the shares in float64."""
    random, state = np.random.default_rng(seed), network.begin()
    answer = np.zeros(CODES)
    codes, bits = [], []
    for _ in range(steps):
        shares = np.exp(answer - answer.max())
        own = shares / shares.sum()
        uniform = random.random()
        cut = np.where(np.isin(np.arange(CODES), how.get("barred", ())), -np.inf, answer)
        temperature = how.get("temperature", 1.0)
        if temperature == 0:
            code = int(cut.argmax())
        else:
            shares = np.exp((cut - cut.max()) / temperature)
            order = np.arange(CODES)
            if how.get("top_k") or how.get("top_p", 1.0) < 1:
                order = np.argsort(-shares, kind="stable")[: how.get("top_k") or CODES]
                enough = np.cumsum(shares[order]) >= how.get("top_p", 1.0) * shares.sum()
                order = order[: int(enough.argmax()) + 1 if enough.any() else len(order)]
            code = int(order[np.searchsorted(np.cumsum(shares[order]), uniform * shares[order].sum(), side="right")])
        codes.append(code)
        bits.append(float(-np.log2(own[code])))
        answer = network.step({"code": np.array([[code]])}, [state])["next"][0].astype(np.float64)
    return codes, bits


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"temperature": 0},
        {"temperature": 0.5},
        {"temperature": 2.0, "barred": (0, 7)},
        {"top_k": 3},
        {"top_k": 1},
        {"top_p": 0.6},
        {"top_p": 0.9, "top_k": 4, "temperature": 1.5, "barred": (2,)},
    ],
    ids=str,
)
def test_it_draws_what_numpy_draws(network: Network, how: dict[str, Any]) -> None:
    program = network.compiled({"code": (1,)}, step=True).program
    answer, state = np.zeros(CODES, dtype=np.float32), network.begin()
    drawn = list(generate_codes(program, answer, state, steps=200, seed=4, **how))
    codes, bits = by_numpy(network, 200, 4, how)
    assert [code for code, _ in drawn] == codes
    np.testing.assert_allclose([bit for _, bit in drawn], bits, rtol=1e-4, atol=1e-5)
    if how.get("temperature") != 0 and how.get("top_k") != 1:
        assert len(set(codes)) > 2


def test_many_at_once_are_one_after_the_other(network: Network) -> None:
    program = network.compiled({"code": (1,)}, step=True).program
    uniforms = np.random.default_rng(1).random(50)
    found = []
    for pieces in ([uniforms], np.split(uniforms, [1, 20, 20, 49])):
        answer, state = np.zeros(CODES, dtype=np.float32), network.begin()
        codes = np.concatenate([program.generate(answer, state, piece)[0] for piece in pieces])
        numbers = np.empty(state.size, dtype=np.float32)
        state.read(numbers)
        found.append((codes, answer, numbers))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_impossible_code_is_never_drawn(network: Network) -> None:
    program = network.compiled({"code": (1,)}, step=True).program
    for first in (np.inf, 3e38, 0.0):
        answer = np.full(CODES, -np.inf, dtype=np.float32)
        answer[4], answer[6] = first, np.nan
        assert program.generate(answer, network.begin(), np.array([0.999]))[0].tolist() == [4]


@pytest.mark.parametrize(
    "how", [{"temperature": -1}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}], ids=str
)
def test_what_cannot_be_drawn_with_is_said(network: Network, how: dict[str, Any]) -> None:
    program = network.compiled({"code": (1,)}, step=True).program
    answer = np.zeros(CODES, dtype=np.float32)
    with pytest.raises(ConfigError, match="expected a temperature from 0"):
        next(generate_codes(program, answer, network.begin(), steps=1, **how))


@pytest.mark.parametrize("barred", [(11,), (-1,), tuple(range(CODES))], ids=str)
def test_codes_to_leave_out_are_the_networks_and_not_all(network: Network, barred: tuple[int, ...]) -> None:
    program = network.compiled({"code": (1,)}, step=True).program
    with pytest.raises(ConfigError, match="0 to 10, not all"):
        next(generate_codes(program, np.zeros(CODES, dtype=np.float32), network.begin(), steps=1, barred=barred))


def test_what_codes_give_is_looked_up_exactly(network: Network) -> None:
    """A step of one sequence knows what each code gives to the gates; of several, and of whole runs, it is computed."""
    codes = np.random.default_rng(2).integers(0, CODES, (3, 20, 1)).astype(np.float32)
    whole = network.run({"code": codes})["next"]
    alone, together = [network.begin()], [network.begin() for _ in range(3)]
    for t in range(20):
        np.testing.assert_array_equal(network.step({"code": codes[:1, t]}, alone)["next"], whole[:1, t])
        np.testing.assert_array_equal(network.step({"code": codes[:, t]}, together)["next"], whole[:, t])
