"""What people do with models goes on when layers are swapped: training, saving, copying, sharing."""

from __future__ import annotations

import copy
import io
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

import recurra
from cases.tolerances import assert_close
from nn.swapped import MODELS, LanguageModel, Tagger, recurrent, results, torchs_layers
from recurra import nn


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
