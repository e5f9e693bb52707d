from __future__ import annotations

from typing import Literal

import pytest
import torch
from pydantic import ValidationError

from recurra import runtime
from recurra.blocks import AnyBlock, Branch, Composition, Last, Linear, Pool, Recurrent, Segments
from recurra.errors import ConfigError
from recurra.export._layout import lay_out
from recurra.nn import Network


def network() -> Network:
    torch.manual_seed(0)
    composition = Composition(
        inputs={"x": 2, "level": 1, "static": 3},
        branches=(
            Branch(name="centred", takes=("x", "level"), join="subtract"),
            Branch(
                name="state",
                takes=("centred", "static"),
                blocks=(Linear(size=4), Recurrent(cell="lstm", hidden_size=5), Recurrent(cell="gru", hidden_size=3)),
            ),
            Branch(name="out", takes=("state",), blocks=(Linear(size=2),)),
            Branch(name="restored", takes=("out", "level"), join="add"),
        ),
    )
    return Network(composition).eval()


def inputs(batch: int = 3, time: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        "x": torch.randn(batch, time, 2, generator=generator),
        "level": torch.randn(batch, 1, 1, generator=generator),
        "static": torch.randn(batch, 3, generator=generator),
    }


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_stepping_on_equals_running_whole(cut: int) -> None:
    net, given = network(), inputs()
    whole, end = net.run(given, None)
    first, state = net.run({**given, "x": given["x"][:, :cut]}, None)
    second, state = net.run({**given, "x": given["x"][:, cut:]}, state)
    torch.testing.assert_close(torch.cat([first["restored"], second["restored"]], 1), whole["restored"])
    torch.testing.assert_close(state, end)


def test_a_given_branch_is_not_computed() -> None:
    net, given = network(), inputs()
    values = net({**given, "out": torch.zeros(3, 6, 2)})
    torch.testing.assert_close(values["restored"], given["level"].expand(3, 6, 2))


def test_compute_gives_the_same_values_as_forward() -> None:
    net, given = network(), inputs()
    torch.testing.assert_close(net.compute(("centred",), given)["centred"], net(given)["centred"])


def test_composition_survives_json() -> None:
    composition = network().composition
    again = Composition.model_validate_json(composition.model_dump_json())
    assert again == composition
    weights = network().state_dict()
    other = Network(again).eval()
    other.load_state_dict(weights)
    torch.testing.assert_close(other(inputs())["restored"], network()(inputs())["restored"], rtol=0, atol=0)


def test_obstacles_to_streaming_are_named() -> None:
    assert network().composition.obstacles() == ()
    wide = Composition(
        inputs={"x": 1},
        branches=(Branch(name="a", takes=("x",), blocks=(Segments(size=2),)), Branch(name="b", takes=("a",))),
    )
    assert wide.obstacles() == ("a: segments",)
    assert wide.obstacles(given=frozenset({"a"})) == ()


def beside_its_steps(pool: AnyBlock, join: Literal["concatenate", "add"] = "concatenate") -> Composition:
    """A sequence's steps, each beside one value of all of them."""
    return Composition(
        inputs={"x": 2},
        branches=(
            Branch(name="read", takes=("x",), blocks=(Recurrent(cell="gru", hidden_size=3),)),
            Branch(name="whole", takes=("read",), blocks=(pool, Linear(size=3))),
            Branch(name="out", takes=("read", "whole"), join=join, blocks=(Linear(size=2),)),
        ),
    )


@pytest.mark.parametrize("pool", [Last(), Pool(method="mean")], ids=str)
def test_what_is_of_the_whole_sequence_cannot_stream_beside_its_steps(pool: AnyBlock) -> None:
    composition = beside_its_steps(pool)
    torch.manual_seed(0)
    net = Network(composition).eval()
    x = torch.randn(1, 4, 2)
    # The first step changes with the last one, so nothing could have given it by then.
    assert not torch.equal(net({"x": x})["out"][:, 0], net({"x": x[:, :1]})["out"][:, 0])
    assert composition.obstacles() == ("out: join",)
    weights = {name: tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    run = runtime.Network(composition, weights)
    torch.testing.assert_close(torch.from_numpy(run.run({"x": x.numpy()})["out"]), net({"x": x})["out"])
    with pytest.raises(ConfigError, match="out: join wants the whole sequence"):
        run.begin()
    assert lay_out(composition).states == ()
    assert lay_out(composition, ("read", "whole")).states
    # Held fixed, it is the same at all steps; and what is alike joins as it is.
    assert composition.obstacles(given=frozenset({"whole"})) == ()
    twice = Composition(
        inputs=composition.inputs,
        branches=(*composition.branches[:2], Branch(name="out", takes=("whole", "whole"), join="add")),
    )
    assert twice.obstacles() == ()


def test_steps_and_whole_sequences_are_not_added() -> None:
    with pytest.raises(ValidationError, match="would add the numbers of each step and those of a whole sequence"):
        beside_its_steps(Last(), "add")


def test_a_branch_that_takes_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="takes"):
        Composition(inputs={"x": 1}, branches=(Branch(name="a", takes=("y",)),))
