from __future__ import annotations

import copy
import inspect
import io
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.utils import parametrizations, parametrize, prune, weight_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recurra
from cases.tolerances import assert_close
from recurra import nn, ops
from recurra.errors import ConfigError
from recurra.nn._accelerate import (
    AcceleratedGRU,
    AcceleratedGRUCell,
    AcceleratedLSTM,
    AcceleratedLSTMCell,
    AcceleratedRNN,
    AcceleratedRNNCell,
)
from recurra.nn._recurrent_cells import RecurrentCell

LAYERS = {torch.nn.RNN: AcceleratedRNN, torch.nn.LSTM: AcceleratedLSTM, torch.nn.GRU: AcceleratedGRU}


class LanguageModel(torch.nn.Module):
    """Words to words, the embedding shared with the output, the state carried from piece to piece."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 6)
        self.recurrent = torch.nn.LSTM(6, 6, 2)
        self.output = torch.nn.Linear(6, 11)
        self.output.weight = self.embedding.weight

    def forward(self, words: Tensor) -> Tensor:
        first, state = self.recurrent(self.embedding(words[:4]))
        second, _ = self.recurrent(self.embedding(words[4:]), state)
        return self.output(torch.cat([first, second]))


class Tagger(torch.nn.Module):
    """A tag for each word of sentences of different lengths, packed."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 5)
        self.recurrent = torch.nn.LSTM(5, 4, batch_first=True, bidirectional=True)
        self.output = torch.nn.Linear(8, 3)

    def forward(self, words: Tensor) -> Tensor:
        lengths = torch.tensor([3, 9, 1, 6])
        packed = pack_padded_sequence(self.embedding(words.T[:4]), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return self.output(hidden)


class Translator(torch.nn.Module):
    """An encoder of layers and a decoder of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 5)
        self.encoder = torch.nn.GRU(5, 4)
        self.decoder = torch.nn.GRUCell(5, 4)
        self.output = torch.nn.Linear(4, 11)

    def forward(self, words: Tensor) -> Tensor:
        hidden = self.encoder(self.embedding(words))[1][0]
        outputs = []
        for step in words[:3]:
            hidden = self.decoder(self.embedding(step), hidden)
            outputs.append(self.output(hidden))
        return torch.stack(outputs)


class Listener(torch.nn.Module):
    """A convolution over time, a GRU and a simple recurrent network in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 5)
        self.convolution = torch.nn.Conv1d(5, 4, 3, stride=2)
        self.stack = torch.nn.ModuleList([torch.nn.GRU(4, 4, bidirectional=True), torch.nn.RNN(8, 3)])

    def forward(self, words: Tensor) -> Tensor:
        x = self.convolution(self.embedding(words).permute(1, 2, 0)).permute(2, 0, 1)
        for layer in self.stack:
            x, _ = layer(x)
        return x


MODELS: list[Callable[[], torch.nn.Module]] = [LanguageModel, Tagger, Translator, Listener]


@pytest.fixture
def words() -> Tensor:
    return torch.randint(11, (9, 5))


def results(model: torch.nn.Module, *inputs: Tensor) -> list[Tensor]:
    """The output, and the gradient of every parameter for a cotangent that is the same each time."""
    output = model(*inputs)
    output = output[0] if isinstance(output, tuple) else output
    cotangent = torch.linspace(-1, 1, output.numel()).view(output.shape)
    return [output.detach(), *torch.autograd.grad(output, [*model.parameters()], cotangent, allow_unused=True)]


def torchs_layers(model: torch.nn.Module) -> set[str]:
    return {name for name, module in model.named_modules() if type(module) in LAYERS}


def recurrent(model: torch.nn.Module) -> Any:
    return next(module for module in model.modules() if isinstance(module, torch.nn.RNNBase))


@pytest.mark.parametrize("make", MODELS)
def test_same_outputs_and_gradients(make: Callable[[], torch.nn.Module], words: Tensor):
    model = make()
    names, before, state = torchs_layers(model), results(model, words), copy.deepcopy(model.state_dict())
    parameters = dict(model.named_parameters(remove_duplicate=False))
    report = recurra.accelerate(model)
    assert {entry.name for entry in report.swapped} == names
    assert not torchs_layers(model)
    assert_close(results(model, words), before, "gradient")
    after = dict(model.named_parameters(remove_duplicate=False))
    assert parameters.keys() == after.keys()
    assert all(after[name] is parameter for name, parameter in parameters.items())
    assert model.state_dict().keys() == state.keys()
    assert set(recurra.decelerate(model)) == names
    assert torchs_layers(model) == names
    assert_close(results(model, words), before, "gradient")


@pytest.mark.parametrize("make", MODELS)
def test_an_optimiser_made_before_goes_on(make: Callable[[], torch.nn.Module], words: Tensor):
    ends: list[list[Tensor]] = []
    for swaps in (False, True):
        torch.manual_seed(1)
        model = make()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for step in range(6):
            if swaps and step == 2:
                assert recurra.accelerate(model).swapped
            if swaps and step == 4:
                recurra.decelerate(model)
            optimizer.zero_grad()
            model(words).square().mean().backward()
            optimizer.step()
        ends.append([parameter.detach() for parameter in model.parameters()])
    assert_close(ends[0], ends[1], "gradient")


@pytest.mark.parametrize("theirs", LAYERS)
def test_the_forward_that_runs_is_ours(theirs: Any):
    layer = theirs(3, 4)
    recurra.accelerate(layer)
    assert layer(torch.randn(5, 2, 3), lengths=[5, 2])[0].shape == (5, 2, 4)
    assert layer(torch.randn(0, 2, 3))[0].shape == (0, 2, 4)
    recurra.decelerate(layer)
    with pytest.raises(TypeError, match="lengths"):
        layer(torch.randn(5, 2, 3), lengths=[5, 2])


@pytest.mark.parametrize("theirs", LAYERS)
def test_a_model_that_is_itself_a_layer(theirs: Any):
    layer = theirs(3, 4, 2)
    same, x = layer, torch.randn(5, 2, 3)
    attributes, before = dict(vars(layer)), results(layer, x)
    report = recurra.accelerate(layer)
    assert "the model itself, " + repr(layer).removeprefix("Accelerated") in str(report)
    assert layer is same
    assert isinstance(layer, theirs) and isinstance(layer, getattr(nn, theirs.__name__))
    assert vars(layer) == attributes
    assert_close(results(layer, x), before, "gradient")
    assert recurra.decelerate(layer) == ("",)
    assert type(layer) is theirs
    assert vars(layer) == attributes


@pytest.mark.parametrize("theirs", LAYERS)
def test_options_beyond_torch_are_off(theirs: Any):
    made = getattr(nn, theirs.__name__)(3, 4)
    layer = theirs(3, 4)
    recurra.accelerate(layer)
    assert layer.recurrence() == made.recurrence()
    for option in inspect.signature(type(made).__init__).parameters.values():
        if option.kind is option.KEYWORD_ONLY:
            assert getattr(layer, option.name) == getattr(made, option.name)


def test_a_swap_twice_is_a_swap_once(words: Tensor):
    model = LanguageModel()
    before = results(model, words)
    recurra.accelerate(model)
    report = recurra.accelerate(model)
    assert not report.swapped
    assert [entry.reason for entry in report.left] == ["it is recurra's already"]
    assert_close(results(model, words), before, "gradient")
    assert recurra.decelerate(model) == ("recurrent",)
    assert recurra.decelerate(model) == ()


def test_layers_made_as_recurras_stay_recurras():
    model = torch.nn.Sequential(nn.GRU(3, 4), torch.nn.GRU(3, 4))
    assert [entry.name for entry in recurra.accelerate(model).swapped] == ["1"]
    assert recurra.decelerate(model) == ("1",)
    assert [type(layer) for layer in model] == [nn.GRU, torch.nn.GRU]


def test_precision_is_left_alone():
    model = torch.nn.Sequential(nn.LSTM(3, 4, precision="bf16"), torch.nn.LSTM(3, 4))
    recurra.accelerate(model)
    assert [layer.precision for layer in model] == ["bf16", "float32"]
    recurra.decelerate(model)
    assert model[0].precision == "bf16"
    assert not hasattr(model[1], "precision")


def test_a_shared_layer_stays_shared():
    layer = torch.nn.GRU(4, 4)
    model = torch.nn.ModuleDict({"a": layer, "b": torch.nn.ModuleList([layer])})
    assert [entry.name for entry in recurra.accelerate(model).swapped] == ["a"]
    assert model["a"] is layer
    assert next(model["b"].children()) is layer
    assert recurra.decelerate(model) == ("a",)


def test_tied_and_frozen_parameters():
    one: Any = torch.nn.GRU(4, 4)
    other = torch.nn.GRU(4, 4)
    other.weight_hh_l0 = one.weight_hh_l0
    one.bias_ih_l0.requires_grad_(False)
    model = torch.nn.ModuleList([one, other])
    recurra.accelerate(model)
    x = torch.randn(5, 2, 4)
    other(one(x)[0])[0].sum().backward()
    assert one.weight_hh_l0 is other.weight_hh_l0
    assert one.bias_ih_l0.grad is None
    with torch.no_grad():
        one.weight_hh_l0.zero_()
    recurra.decelerate(model)
    expected = other(x)[0]
    recurra.accelerate(model)
    assert_close(other(x)[0], expected)


def test_mode_is_kept_and_a_swapped_layer_can_be_converted():
    layer: Any = torch.nn.LSTM(3, 4, 2, dropout=0.5).eval()
    x = torch.randn(5, 2, 3)
    before = layer(x)[0]
    recurra.accelerate(layer)
    assert not layer.training
    assert_close(layer(x)[0], before)
    torch.testing.assert_close(layer.double()(x.double())[0].float(), before)
    assert layer.plan().kernel == "torch"
    assert not torch.equal(layer.float().train()(x)[0], layer(x)[0])


def test_hooks_fire_in_order(words: Tensor):
    model = Tagger()
    layer, seen = recurrent(model), []
    layer.register_forward_pre_hook(lambda *_: seen.append("before"))
    layer.register_forward_hook(lambda *_: seen.append("forward"))
    layer.register_state_dict_pre_hook(lambda *_: seen.append("save"))
    layer.register_load_state_dict_post_hook(lambda *_: seen.append("load"))
    layer.weight_hh_l0.register_hook(lambda _: seen.append("gradient"))
    cell = torch.nn.GRU(3, 4)
    cell.register_full_backward_hook(lambda *_: seen.append("backward"))
    recurra.accelerate(model)
    recurra.accelerate(cell)
    model(words).sum().backward()
    model.load_state_dict(model.state_dict())
    cell(torch.randn(2, 1, 3, requires_grad=True))[0].sum().backward()
    assert seen == ["before", "forward", "gradient", "save", "load", "backward"]


@pytest.mark.parametrize("make", MODELS)
def test_checkpoints_load_both_ways(make: Callable[[], torch.nn.Module], words: Tensor):
    model, other = make(), make()
    recurra.accelerate(model)
    model.load_state_dict(other.state_dict(), strict=True)
    assert_close(results(model, words), results(other, words), "gradient")
    recurra.decelerate(model)
    assert_close(results(model, words), results(other, words), "gradient")
    recurra.accelerate(other)
    make().load_state_dict(other.state_dict(), strict=True)


def through_torch_save(model: torch.nn.Module) -> torch.nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), through_torch_save])
@pytest.mark.parametrize("make", MODELS)
def test_copies_stay_accelerated_and_can_be_undone(make: Any, copied: Any, words: Tensor):
    model = make()
    names, before = torchs_layers(model), results(model, words)
    recurra.accelerate(model)
    twin = copied(model)
    assert not torchs_layers(twin)
    assert_close(results(twin, words), before, "gradient")
    with torch.no_grad():
        recurrent(twin).weight_hh_l0.add_(1)
    assert not torch.equal(twin(words), before[0])
    assert_close(results(model, words), before, "gradient")
    assert set(recurra.decelerate(twin)) == names == torchs_layers(twin)


def test_nothing_of_recurras_is_left_in_what_is_undone():
    def classes(layer: torch.nn.Module) -> set[str]:
        return {str(argument) for _, argument, _ in pickletools.genops(pickle.dumps(layer, protocol=2))}

    layer = torch.nn.LSTM(3, 4)
    recurra.accelerate(layer)
    assert any("recurra" in name for name in classes(layer))
    layer(torch.randn(5, 2, 3))[0].sum().backward()
    recurra.decelerate(layer)
    assert not any("recurra" in name for name in classes(layer))


def test_threads_share_a_model(words: Tensor):
    model = LanguageModel()
    inputs = [torch.randint(11, (9, 5)) for _ in range(8)]
    expected = [results(model, x) for x in inputs]
    recurra.accelerate(model)
    with ThreadPoolExecutor(4) as pool:
        for found, one in zip(pool.map(lambda x: results(model, x), inputs * 3), expected * 3, strict=True):
            assert_close(found, one, "gradient")


def test_data_parallel_replicas(words: Tensor):
    """What DataParallel makes for each device: a replica of each module, whose parameters are tensors."""
    model = Tagger()
    before = model(words)
    recurra.accelerate(model)
    replica = model._replicate_for_data_parallel()
    layer = model.recurrent._replicate_for_data_parallel()
    for name, parameter in model.recurrent.named_parameters():
        setattr(layer, name, parameter * 1.0)
    replica._modules["recurrent"] = layer
    assert isinstance(layer, nn.LSTM)
    assert_close(replica(words), before)


@pytest.fixture
def process_group() -> Iterator[None]:
    store = distributed.HashStore()  # pyright: ignore[reportPrivateImportUsage]
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_inside_distributed_data_parallel(process_group: None, words: Tensor):
    model = LanguageModel()
    expected = results(model, words)[1:]
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    assert [entry.name for entry in recurra.accelerate(wrapped).swapped] == ["module.recurrent"]
    output = wrapped(words)
    output.backward(torch.linspace(-1, 1, output.numel()).view(output.shape))
    assert_close([parameter.grad for parameter in model.parameters()], expected, "gradient")


# A process of its own, without the checks of annotations that run in tests, which Dynamo can't trace.
@pytest.mark.slow
def test_torch_compile_notices():
    program = (
        "import torch, recurra\n"
        "model = torch.nn.Sequential(torch.nn.GRU(3, 4))\n"
        "x = torch.randn(5, 2, 3)\n"
        "compiled = torch.compile(model, backend='eager')\n"
        "before = compiled(x)[0]\n"
        "print([entry.name for entry in recurra.accelerate(compiled).swapped])\n"
        "torch.testing.assert_close(compiled(x)[0], before)\n"
        "print(compiled(x[:0])[0].shape)\n"
        "print(recurra.decelerate(compiled))\n"
        "try: compiled(x[:0])\n"
        "except RuntimeError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "['_orig_mod.0']",
        "torch.Size([0, 2, 4])",
        "('_orig_mod.0',)",
        "Expected sequence length to be larger than 0 in RNN",
    ]


class Loud(torch.nn.LSTM):
    def forward(self, input: Any, hx: Any = None) -> Any:
        output, state = super().forward(input, hx)
        return output * 2, state


class OtherLSTM(torch.nn.LSTM):
    """The same, by another name."""


def with_parametrization() -> torch.nn.Module:
    return parametrizations.weight_norm(torch.nn.LSTM(3, 4), "weight_hh_l0")


def with_weight_norm() -> torch.nn.Module:
    with pytest.warns(FutureWarning, match="weight_norm"):
        return weight_norm(torch.nn.LSTM(3, 4), "weight_hh_l0")


def with_pruning() -> torch.nn.Module:
    return prune.random_unstructured(torch.nn.LSTM(3, 4), "weight_hh_l0", amount=0.5)


def with_pruned_cell() -> torch.nn.Module:
    return prune.random_unstructured(torch.nn.GRUCell(3, 4), "weight_hh", amount=0.5)


def with_another_forward() -> torch.nn.Module:
    layer = torch.nn.LSTM(3, 4)
    layer.forward = Loud(3, 4).forward  # type: ignore[method-assign]
    return layer


def scripted() -> torch.nn.Module:
    return torch.jit.script(torch.nn.Sequential(torch.nn.LSTM(3, 4)))


def traced() -> Any:
    return torch.jit.trace(torch.nn.LSTM(3, 4), torch.randn(5, 2, 3), check_trace=False)


def quantized() -> torch.nn.Module:
    return torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.LSTM(3, 4)), {torch.nn.LSTM})


def sharded() -> Any:
    return fully_shard(torch.nn.LSTM(3, 4), mesh=init_device_mesh("cpu", (1,)))


# torch says of all of torch.jit and torch.ao that they are deprecated; people's models have them.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("make", "name", "layer", "reason"),
    [
        (lambda: Loud(3, 4), "", "Loud(3, 4)", "its class .*Loud may compute something else"),
        (lambda: OtherLSTM(3, 4), "", "OtherLSTM(3, 4)", "its class .*OtherLSTM may compute something else"),
        (with_parametrization, "", "ParametrizedLSTM(3, 4)", "its weights are parametrized; .*remove_parametrizations"),
        (with_weight_norm, "", "LSTM(3, 4)", "weight_hh_l0 is derived from other parameters"),
        (with_pruning, "", "LSTM(3, 4)", "weight_hh_l0 is derived from other parameters"),
        (with_another_forward, "", "LSTM(3, 4)", "its forward method was replaced"),
        (scripted, "0", "RecursiveScriptModule(original_name=LSTM)", "torch.jit has compiled it"),
        (traced, "", "TopLevelTracedModule(original_name=LSTM)", "torch.jit has compiled it"),
        (quantized, "0", "LSTM(3, 4)", "it is quantized"),
        (sharded, "", "FSDPLSTM(3, 4)", "call accelerate before fully_shard"),
        (lambda: torch.nn.GRU(3, 4).to(torch.complex64), "", "GRU(3, 4)", "dtype=torch.complex64"),
        (lambda: torch.nn.GRU(3, 4).double(), "", "GRU(3, 4)", "torch computes this gru; .*no torch.float64"),
        (lambda: torch.nn.GRU(3, 4).bfloat16(), "", "GRU(3, 4)", "torch computes this gru; .*no torch.bfloat16"),
        (lambda: torch.nn.RNN(3, 4, device="meta"), "", "RNN(3, 4)", "torch computes this rnn; .*no kernel for meta"),
        (
            lambda: torch.nn.LSTM(3, 4, proj_size=2),
            "",
            "LSTM(3, 4, proj_size=2)",
            "torch computes this lstm; .*no proj",
        ),
        (lambda: torch.nn.RNNBase("GRU", 3, 4), "", "RNNBase(3, 4)", "its class .*RNNBase may compute something else"),
        (lambda: torch.nn.RNNCell(3, 4), "", "RNNCell(3, 4)", "torch computes single steps of this cell"),
        (lambda: torch.nn.LSTMCell(3, 4), "", "LSTMCell(3, 4)", "torch computes single steps of this cell"),
        (lambda: torch.nn.GRUCell(3, 4, bias=False), "", "GRUCell(3, 4, bias=False)", "torch computes single steps"),
        (with_pruned_cell, "", "GRUCell(3, 4)", "weight_hh is derived from other parameters"),
    ],
)
def test_what_is_left_and_why(process_group: None, make: Any, name: str, layer: str, reason: str):
    model = make()
    kinds = [type(module) for module in model.modules()]
    report = recurra.accelerate(model)
    assert not report.swapped
    (left,) = report.left
    assert (left.name, left.layer) == (name, layer)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(left.reason)
    assert [type(module) for module in model.modules()] == kinds
    assert recurra.decelerate(model) == ()


def test_a_class_put_on_top_since_is_not_torn_off():
    model = torch.nn.Sequential(torch.nn.GRU(3, 4), torch.nn.GRU(3, 4))
    x = torch.randn(5, 2, 3)
    recurra.accelerate(model)
    parametrizations.weight_norm(model[1], "weight_hh_l0")
    before = model[1](x)[0]
    with pytest.raises(ConfigError, match=r"^1 was accelerated, and something made it a ParametrizedAcceleratedGRU"):
        recurra.decelerate(model)
    assert type(model[0]) is AcceleratedGRU
    parametrize.remove_parametrizations(model[1], "weight_hh_l0")
    assert recurra.decelerate(model) == ("0", "1")
    assert_close(model[1](x)[0], before)


def test_what_is_no_module_is_refused():
    for undo in (recurra.accelerate, recurra.decelerate):
        with pytest.raises(ConfigError, match=r"A dict was given; expected a torch\.nn\.Module"):
            undo({})  # type: ignore[arg-type]


def test_the_report_reads_well(monkeypatch: pytest.MonkeyPatch):
    model = torch.nn.ModuleDict({"head": torch.nn.LSTM(3, 4, 2), "loud": Loud(3, 4)})
    monkeypatch.setattr(nn.LSTM, "plan", lambda self: ops.Plan("reference", "because it is a test"))
    report = recurra.accelerate(model)
    assert str(report) == (
        "Swapped 1 of 2 recurrent layers:\n"
        "  head, LSTM(3, 4, num_layers=2): kernel reference; because it is a test\n"
        "Left as they were:\n"
        f"  loud, Loud(3, 4): its class {__name__}.Loud may compute something else than torch's layer"
    )
    assert str(recurra.accelerate(torch.nn.Linear(3, 4))).startswith("No recurrent layers")
    with pytest.raises(AttributeError):
        report.swapped = ()  # type: ignore[misc]


@pytest.mark.parametrize("theirs", LAYERS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "dropout": 0.1}, {"bias": False}])
def test_layers_of_float32_are_computed_by_the_compiled_kernel(theirs: Any, options: dict[str, Any]):
    for mode in (True, False):
        (entry,) = recurra.accelerate(theirs(3, 4, **options).train(mode)).swapped
        assert entry.plan.kernel == "native"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (torch.nn.RNNCell, AcceleratedRNNCell),
        (torch.nn.LSTMCell, AcceleratedLSTMCell),
        (torch.nn.GRUCell, AcceleratedGRUCell),
    ],
)
def test_a_cell_is_swapped_once_there_is_a_kernel(theirs: Any, ours: Any, monkeypatch: pytest.MonkeyPatch):
    cell, x = theirs(3, 4), torch.randn(2, 3)
    before = cell(x)
    monkeypatch.setattr(RecurrentCell, "plan", lambda self: ops.Plan("native", "made for this test"))
    assert recurra.accelerate(cell).swapped
    assert type(cell) is ours
    assert repr(cell) == f"Accelerated{theirs.__name__}(3, 4)"
    assert_close(cell(x), before)
    assert recurra.decelerate(cell) == ("",)
    assert type(cell) is theirs


def test_a_kernel_that_is_forced_and_refused_leaves_the_model_whole(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Any) -> ops.Plan:
        raise ConfigError("RECURRA_KERNEL=native: it can't compute this layer")

    layer = torch.nn.GRU(3, 4)
    monkeypatch.setattr(nn.GRU, "plan", refuse)
    assert recurra.accelerate(layer).left[0].reason.startswith("RECURRA_KERNEL=native")
    assert type(layer) is torch.nn.GRU
