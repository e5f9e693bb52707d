from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any, get_overloads

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

from cases.cells import leaves
from cases.tolerances import assert_close
from recurra import nn, reference
from recurra.errors import ConfigError

# torch says this once a process, in whichever test comes first.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
NAMES = ["RNN", "LSTM", "GRU"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "bias": False},
    {"num_layers": 2, "dropout": 0.3, "batch_first": True},
]
TWINS = [(name, options) for name in NAMES for options in OPTIONS] + [
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 1, "bias": False, "dtype": torch.float64}),
]
CELLS_BEYOND = [
    ("RNN", {"nonlinearity": "sigmoid"}, reference.rnn("sigmoid")),
    ("LSTM", {"peephole": True}, reference.PEEPHOLE_LSTM),
    ("GRU", {"reset_after": False}, reference.GRU_RESET_BEFORE),
    ("RNN", {"layer_norm": True}, reference.layer_norm_rnn("tanh")),
    ("LSTM", {"layer_norm": True}, reference.LAYER_NORM_LSTM),
    ("GRU", {"layer_norm": True}, reference.LAYER_NORM_GRU),
]
BEYOND = [(name, options) for name, options, _ in CELLS_BEYOND]


def twins(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Our layer and torch's, made after the same seed."""
    torch.manual_seed(4)
    mine = getattr(nn, name)(3, 4, **options)
    torch.manual_seed(4)
    return mine, getattr(torch.nn, name)(3, 4, **options)


def random_state(layer: Any, batch: int) -> Any:
    """A random state for a batch of this size, as the layer's forward takes it."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    dtype = layer.weight_ih_l0.dtype
    h = torch.randn(count, batch, layer.proj_size or layer.hidden_size, dtype=dtype)
    return (h, torch.randn(count, batch, layer.hidden_size, dtype=dtype)) if layer.mode == "LSTM" else h


def results(layer: Any, x: Any, state: Any) -> list[torch.Tensor]:
    """Outputs, final states and the gradient of everything, for a random cotangent on everything that comes out."""
    data = x.data.clone().requires_grad_()
    x = x._replace(data=data) if isinstance(x, PackedSequence) else data.view(x.shape)
    if state is not None:
        state = (
            tuple(f.clone().requires_grad_() for f in state)
            if isinstance(state, tuple)
            else state.clone().requires_grad_()
        )
    torch.manual_seed(5)
    output, end = layer(x, state)
    found = leaves(output.data if isinstance(output, PackedSequence) else output, end)
    inputs = [data, *leaves(() if state is None else state), *layer.parameters()]
    gradients = torch.autograd.grad(found, inputs, [torch.randn(tensor.shape, dtype=tensor.dtype) for tensor in found])
    return [*(tensor.detach() for tensor in found), *gradients]


def assert_same(mine: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_recurrent_layer_of_torchs(name: str):
    layer = getattr(nn, name)(3, 4)
    assert isinstance(layer, torch.nn.RNNBase)
    # Which torch.compile would refuse.
    assert not isinstance(layer, torch.nn.RNN | torch.nn.LSTM | torch.nn.GRU)


@pytest.mark.parametrize("name", NAMES)
def test_constructor_takes_what_torch_documents(name: str):
    theirs = inspect.signature(get_overloads(getattr(torch.nn, name).__init__)[0]).parameters
    mine = inspect.signature(getattr(nn, name).__init__).parameters
    positional = [p for p in mine.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [(p.name, p.default) for p in positional] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize(("name", "options"), TWINS, ids=str)
def test_same_parameters_after_the_same_seed(name: str, options: dict[str, Any]):
    mine, theirs = twins(name, options)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert_same(list(mine.state_dict().values()), list(theirs.state_dict().values()))
    assert [len(weights) for weights in mine.all_weights] == [len(weights) for weights in theirs.all_weights]
    assert_same(leaves(mine.all_weights), leaves(theirs.all_weights))


@pytest.mark.parametrize(("name", "options"), TWINS, ids=str)
def test_checkpoints_load_both_ways(name: str, options: dict[str, Any]):
    mine, theirs = twins(name, options)
    mine.reset_parameters()
    theirs.load_state_dict(mine.state_dict(), strict=True)
    assert_same(list(theirs.parameters()), list(mine.parameters()))
    theirs.reset_parameters()
    mine.load_state_dict(theirs.state_dict(), strict=True)
    assert_same(list(mine.parameters()), list(theirs.parameters()))


@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
@pytest.mark.parametrize("form", ["batch", "one", "packed", "packed sorted"])
@pytest.mark.parametrize(("name", "options"), TWINS, ids=str)
def test_same_results_as_torch(name: str, options: dict[str, Any], form: str, given: bool):
    mine, theirs = twins(name, options)
    dtype = options.get("dtype", torch.float32)
    if form == "batch":
        x: Any = torch.randn(*((2, 5) if mine.batch_first else (5, 2)), 3, dtype=dtype)
    elif form == "one":
        x = torch.randn(5, 3, dtype=dtype)
    else:
        rows = [torch.randn(n, 3, dtype=dtype) for n in ((5, 2) if form == "packed sorted" else (2, 5))]
        x = pack_sequence(rows, enforce_sorted=form == "packed sorted")
    state: Any = random_state(mine, 2) if given else None
    if given and form == "one":
        state = tuple(f[:, 0] for f in state) if isinstance(state, tuple) else state[:, 0]
    assert_close(results(mine, x, state), results(theirs, x, state), "gradient")
    assert type(mine(x)[1]) is type(theirs(x)[1])
    mine.eval()
    theirs.eval()
    assert_close(results(mine, x, state), results(theirs, x, state), "gradient")


@pytest.mark.parametrize("name", NAMES)
def test_an_option_changed_later_counts(name: str):
    mine, theirs = twins(name, {"num_layers": 2})
    mine.dropout = theirs.dropout = 0.5
    mine.batch_first = theirs.batch_first = True
    x = torch.randn(2, 5, 3)
    assert_close(results(mine, x, None), results(theirs, x, None), "gradient")


@pytest.mark.parametrize(("name", "options"), [*TWINS, *BEYOND], ids=str)
def test_copies_and_pickles(name: str, options: dict[str, Any]):
    mine = getattr(nn, name)(3, 4, **options).eval()
    x = torch.randn(5, 2, 3, dtype=options.get("dtype", torch.float32))
    expected = leaves(mine(x))
    for twin in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(twin) == repr(mine)
        assert_same(leaves(twin(x)), expected)
        # A copy has weights of its own.
        with torch.no_grad():
            twin.weight_hh_l0.add_(1)
        assert_same(leaves(mine(x)), expected)
        assert not torch.equal(twin(x)[0], expected[0])


@pytest.mark.parametrize(("name", "options"), [*TWINS, *BEYOND], ids=str)
def test_conversion_and_functional_call(name: str, options: dict[str, Any]):
    mine = getattr(nn, name)(3, 4, **options).to(torch.float64).eval()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    other = {key: value * 0.5 for key, value in mine.state_dict().items()}
    output, _ = torch.func.functional_call(mine, other, (x,))
    before, _ = mine(x)
    mine.load_state_dict(other)
    assert_close(output, mine(x)[0])
    assert not torch.allclose(output, before)
    mine.flatten_parameters()


def construct(name: str, *args: Any, **options: Any) -> Any:
    return lambda room: getattr(room, name)(*args, **options)


def call(name: str, x: Any, state: Any = None, **options: Any) -> Any:
    return lambda room: getattr(room, name)(3, 4, **options)(x, state)


ERRORS = [
    *(case for name in NAMES for case in (
        construct(name, 0, 4),
        construct(name, 3, 0),
        construct(name, 3, 4.0),
        construct(name, "3", 4),
        construct(name, 3, 4, num_layers=0),
        construct(name, 3, 4, dropout=1.5),
        construct(name, 3, 4, dropout=True),
        construct(name, 3, 4, bias=1),
        construct(name, 3, 4, batch_first=None),
        call(name, torch.zeros(3)),
        call(name, torch.zeros(1, 1, 1, 3)),
        call(name, torch.zeros(5, 2, 7)),
        call(name, torch.zeros(5, 2, 3, dtype=torch.float64)),
        call(name, torch.zeros(5, 2, 3, dtype=torch.int64)),
    )),
    *(case for name in ("RNN", "GRU") for case in (
        construct(name, 3, 4, proj_size=2),
        # torch's LSTM lets this through to a matrix product; ours says what is wrong.
        call(name, PackedSequence(torch.zeros(5, 7), torch.tensor([3, 2]))),
        call(name, torch.zeros(5, 2, 3), torch.zeros(1, 4)),
        call(name, torch.zeros(5, 3), torch.zeros(1, 1, 4)),
        call(name, torch.zeros(5, 2, 3), torch.zeros(1, 5, 4)),
        call(name, torch.zeros(5, 2, 3), torch.zeros(1, 2, 4), batch_first=True),
        call(name, torch.zeros(5, 2, 3), torch.zeros(1, 2, 4), num_layers=2),
    )),
    construct("LSTM", 3, 4, proj_size=4),
    construct("LSTM", 3, 4, proj_size=-1),
    call("LSTM", torch.zeros(5, 2, 3), (torch.zeros(1, 4), torch.zeros(1, 2, 4))),
    call("LSTM", torch.zeros(5, 3), (torch.zeros(1, 4), torch.zeros(1, 2, 4))),
    call("LSTM", torch.zeros(5, 2, 3), torch.zeros(2, 2, 4)),
    call("LSTM", torch.zeros(5, 2, 3), (torch.zeros(1, 5, 4), torch.zeros(1, 2, 4))),
    call("LSTM", torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4), torch.zeros(1, 2, 5))),
    call("LSTM", torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)), proj_size=2),
]  # fmt: skip


def error_of(attempt: Any, room: Any) -> tuple[type[Exception], str]:
    with pytest.raises(Exception) as caught:
        attempt(room)
    # torch says "3D tensor instead" in one layer and "3D instead" in the others.
    return caught.type, str(caught.value).replace("D tensor instead", "D instead")


@pytest.mark.parametrize("attempt", ERRORS)
def test_same_errors_as_torch(attempt: Any):
    kind, message = error_of(attempt, torch.nn)
    mine, my_message = error_of(attempt, nn)
    assert issubclass(mine, kind)
    assert my_message == message


def test_same_warning_as_torch():
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
        nn.LSTM(3, 4, dropout=0.5)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(("name", "options"), [*TWINS[:6], *BEYOND], ids=str)
def test_lengths_equal_packing(name: str, options: dict[str, Any], batch_first: bool):
    layer = getattr(nn, name)(3, 4, **{**options, "batch_first": batch_first}).to(torch.float64).eval()
    x, state = torch.randn(4, 6, 3, dtype=torch.float64), random_state(layer, 4)
    x = x if batch_first else x.transpose(0, 1)
    lengths = [2, 5, 1, 5]
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False)
    packed_output, expected_end = layer(packed, state)
    expected, _ = pad_packed_sequence(packed_output, batch_first=batch_first, total_length=6)
    for given in (lengths, torch.tensor(lengths, dtype=torch.int32)):
        output, end = layer(x, state, lengths=given)
        assert_close(output, expected)
        assert_close(leaves(end), leaves(expected_end))


@pytest.mark.parametrize(("name", "options"), [*TWINS[:6], *BEYOND], ids=str)
def test_padding_and_empty_rows(name: str, options: dict[str, Any]):
    layer = getattr(nn, name)(3, 4, **{**options, "batch_first": False}).to(torch.float64).eval()
    x, state = torch.randn(6, 3, 3, dtype=torch.float64), random_state(layer, 3)
    expected, _ = layer(x[:4, 1:2], tuple(f[:, 1:2] for f in state) if name == "LSTM" else state[:, 1:2])
    x[4:, 1] = torch.nan
    x[:, 2] = torch.nan
    output, end = layer(x, state, lengths=[6, 4, 0])
    assert_close(output[:4, 1:2], expected)
    assert not output[4:, 1].any()
    assert not output[:, 2].any()
    assert_close([field[:, 2] for field in leaves(end)], [field[:, 2] for field in leaves(state)])
    gradients = torch.autograd.grad([output.sum(), *(f.sum() for f in leaves(end))], list(layer.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([5, 2, 1], r"lengths has shape \(3,\) and type torch.int64; expected one whole number for each of the 2 rows"),
        ([5.0, 2.0], "torch.float32"),
        ([6, 2], "reach from 2 to 6, but the input has 5 steps"),
        ([5, -1], "reach from -1 to 5"),
    ],
)
def test_wrong_lengths_are_refused(lengths: Any, message: str):
    with pytest.raises(ConfigError, match=message):
        nn.GRU(3, 4)(torch.zeros(5, 2, 3), lengths=torch.tensor(lengths))


def test_lengths_need_padded_rows():
    with pytest.raises(ConfigError, match="packed sequence"):
        nn.GRU(3, 4)(pack_sequence([torch.zeros(2, 3)]), lengths=[2])
    with pytest.raises(ConfigError, match="without a batch"):
        nn.GRU(3, 4)(torch.zeros(5, 3), lengths=[2])


@pytest.mark.parametrize(("name", "options"), [*TWINS, *BEYOND], ids=str)
def test_no_steps(name: str, options: dict[str, Any]):
    layer = getattr(nn, name)(3, 4, **options)
    x = torch.randn(*((2, 0) if layer.batch_first else (0, 2)), 3, dtype=layer.weight_ih_l0.dtype)
    state = random_state(layer, 2)
    output, end = layer(x, state)
    features = (layer.proj_size or 4) * (2 if layer.bidirectional else 1)
    assert output.shape == (*x.shape[:2], features)
    assert_same(leaves(end), leaves(state))


@pytest.mark.parametrize(("name", "options"), [*TWINS, *BEYOND], ids=str)
def test_no_rows(name: str, options: dict[str, Any]):
    layer = getattr(nn, name)(3, 4, **{**options, "batch_first": False})
    x = torch.randn(5, 0, 3, dtype=layer.weight_ih_l0.dtype)
    for lengths in (None, torch.zeros(0, dtype=torch.int64)):
        output, end = layer(x, lengths=lengths)
        assert output.shape[:2] == (5, 0)
        assert all(field.shape[1] == 0 for field in leaves(end))


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("name", "options", "cell"), CELLS_BEYOND, ids=str)
def test_beyond_torch_equals_the_equations(name: str, options: dict[str, Any], cell: reference.Cell, bias: bool):
    layer = getattr(nn, name)(3, 4, 2, bias=bias, batch_first=True, bidirectional=True, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-1, 1)
    none = {
        field: torch.zeros(4 if field == "bias_norm_c" else 4 * cell.gates, dtype=torch.float64)
        for field in cell.weights._fields
        if "bias" in field
    }
    named = dict(layer.named_parameters())
    stack = [
        cell.weights(
            *(named[field + suffix] if bias or field not in none else none[field] for field in cell.weights._fields)
        )
        for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    ]
    x, state = torch.randn(2, 5, 3, dtype=torch.float64), random_state(layer, 2)
    output, end = layer(x, state)
    expected, expected_end, _ = reference.unrolled_run(cell, x, cell.state(*leaves(state)), stack, bidirectional=True)
    assert_close(output, expected)
    assert_close(leaves(end), leaves(expected_end))
    assert layer.plan().kernel == "reference"


@pytest.mark.parametrize(("name", "options"), BEYOND, ids=str)
def test_beyond_torch_keeps_torchs_draws_and_says_what_it_is(name: str, options: dict[str, Any]):
    torch.manual_seed(4)
    mine = getattr(nn, name)(3, 4, 2, bidirectional=True, **options)
    theirs = twins(name, {"num_layers": 2, "bidirectional": True})[1].state_dict()
    state = mine.state_dict()
    assert_same([state[key] for key in theirs], list(theirs.values()))
    kinds = {"peephole": ["weight_peephole"], "layer_norm": ["weight_norm_ih", "weight_norm_hh"]}
    extra = kinds.get(next(iter(options)), [])
    extra = [*extra, "weight_norm_c", "bias_norm_c"] if name == "LSTM" and "layer_norm" in options else extra
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    assert state.keys() - theirs.keys() == {kind + suffix for kind in extra for suffix in suffixes}
    assert mine.mode == {"RNN": "RNN_SIGMOID" if "nonlinearity" in options else "RNN_TANH"}.get(name, name)
    assert repr(mine).endswith(f", {next(iter(options))}={next(iter(options.values()))})")
    for _ in range(2):
        for key in state.keys() - theirs.keys():
            values = state[key]
            if "norm" in key:
                assert (values == (0 if "bias" in key else 1)).all()
            else:
                assert values.shape == (12,)
                assert 0 < values.abs().max() <= 0.5
        mine.reset_parameters()


def test_options_that_nothing_computes_are_refused():
    with pytest.raises(ConfigError, match="Select from 'tanh', 'relu' or 'sigmoid'"):
        nn.RNN(3, 4, nonlinearity="gelu")
    with pytest.raises(ConfigError, match="proj_size=2 with peephole=True"):
        nn.LSTM(3, 4, proj_size=2, peephole=True)
    with pytest.raises(ConfigError, match="layer_norm=True with peephole=True"):
        nn.LSTM(3, 4, layer_norm=True, peephole=True)
    with pytest.raises(ConfigError, match="layer_norm=True with reset_after=False"):
        nn.GRU(3, 4, layer_norm=True, reset_after=False)
    with pytest.raises(ConfigError, match=r"zoneout=1.5: expected a probability"):
        nn.GRU(3, 4, zoneout=1.5)
    with pytest.raises(ConfigError, match="recurrent_dropout=True: expected a probability"):
        nn.RNN(3, 4, recurrent_dropout=True)
    with pytest.raises(ConfigError, match="proj_size=2 with resets=True"):
        nn.LSTM(3, 4, proj_size=2)(torch.zeros(2, 1, 3), resets=torch.zeros(2, 1, dtype=torch.bool))


@pytest.mark.parametrize("name", NAMES)
def test_products_of_bfloat16(name: str):
    layer = getattr(nn, name)(16, 64, precision="bf16")
    assert repr(layer) == f"{name}(16, 64, precision=bf16)"
    plain = getattr(nn, name)(16, 64)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(9, 3, 16)
    mine, theirs = results(layer, x, None), results(plain, x, None)
    assert all(tensor.dtype is torch.float32 for tensor in (*mine, *layer.parameters()))
    rounded = "bf16 products, float32 sums" in layer.plan().reason
    for one, other in zip(mine, theirs, strict=True):
        assert not torch.equal(one, other) if rounded else torch.equal(one, other)
        assert (one - other).norm() < 1e-2 * other.norm()
    with pytest.raises(ConfigError, match="precision='half': no such precision"):
        getattr(nn, name)(16, 64, precision="half")


@pytest.mark.parametrize("name", NAMES)
def test_plan_of_a_layer(name: str):
    assert getattr(nn, name)(3, 4).plan().kernel == "native"
    assert getattr(nn, name)(3, 4, dtype=torch.float64).plan().kernel == "torch"
