from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from recurra.blocks import Branch, Composition, Linear, Recurrent, Segments
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


def test_a_branch_that_takes_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="takes"):
        Composition(inputs={"x": 1}, branches=(Branch(name="a", takes=("y",)),))
