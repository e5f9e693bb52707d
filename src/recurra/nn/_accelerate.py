"""torch's recurrent layers inside any model, computed by recurra."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import Module, Parameter
from torch.nn.utils.parametrize import is_parametrized

from recurra import ops
from recurra.errors import ConfigError
from recurra.nn._recurrent import GRU, LSTM, RNN
from recurra.nn._recurrent_cells import GRUCell, LSTMCell, RecurrentCell, RNNCell
from recurra.nn._recurrent_layer import RecurrentLayer


# Nothing in the model but these classes remembers the swap: what was torch's is known from them, also in copies and
# pickles, and told from what was made as recurra's. torch's class is a parent for the sake of isinstance alone.
class AcceleratedRNN(RNN, torch.nn.RNN):
    """A torch.nn.RNN that recurra computes."""


class AcceleratedLSTM(LSTM, torch.nn.LSTM):
    """A torch.nn.LSTM that recurra computes."""


class AcceleratedGRU(GRU, torch.nn.GRU):
    """A torch.nn.GRU that recurra computes."""


class AcceleratedRNNCell(RNNCell):
    """A torch.nn.RNNCell that recurra computes."""


class AcceleratedLSTMCell(LSTMCell):
    """A torch.nn.LSTMCell that recurra computes."""


class AcceleratedGRUCell(GRUCell):
    """A torch.nn.GRUCell that recurra computes."""


_OURS: dict[type[Module], type[RecurrentLayer | RecurrentCell]] = {
    torch.nn.RNN: AcceleratedRNN,
    torch.nn.LSTM: AcceleratedLSTM,
    torch.nn.GRU: AcceleratedGRU,
    torch.nn.RNNCell: AcceleratedRNNCell,
    torch.nn.LSTMCell: AcceleratedLSTMCell,
    torch.nn.GRUCell: AcceleratedGRUCell,
}
_THEIRS: dict[type[Module], type[Module]] = {ours: theirs for theirs, ours in _OURS.items()}
# What torch's constructor never stored in the layer: options beyond torch, at the value that torch's layers have.
for _layer in _THEIRS:
    for _option in inspect.signature(_layer.__init__).parameters.values():
        if _option.kind is _option.KEYWORD_ONLY:
            setattr(_layer, _option.name, _option.default)

_NAMES = {layer.__name__ for layer in _OURS}


@dataclass(frozen=True)
class Swapped:
    """A layer that recurra computes now: its name in the model, what it is, and the kernel that runs it, and why."""

    name: str
    layer: str
    plan: ops.Plan


@dataclass(frozen=True)
class Left:
    """A recurrent layer that stays as it was, and why."""

    name: str
    layer: str
    reason: str


@dataclass(frozen=True)
class AccelerationReport:
    """What `recurra.accelerate` did to a model. Print it to read it."""

    swapped: tuple[Swapped, ...]
    left: tuple[Left, ...]

    def __str__(self) -> str:
        found = len(self.swapped) + len(self.left)
        if not found:
            return "No recurrent layers were found among the model's modules."
        lines = [f"Swapped {len(self.swapped)} of {found} recurrent layers{':' if self.swapped else '.'}"]
        lines += [f"  {_shown(entry)}: kernel {entry.plan.kernel}; {entry.plan.reason}" for entry in self.swapped]
        lines += ["Left as they were:"] if self.left else []
        lines += [f"  {_shown(entry)}: {entry.reason}" for entry in self.left]
        return "\n".join(lines)


def accelerate(model: Module) -> AccelerationReport:
    """Let recurra compute the torch.nn.RNN, LSTM and GRU inside a model, in place, and say which and why.

    A layer is swapped by giving it another class, not by putting another module in its place. So everything that holds
    the layer or its weights goes on holding them: the model's attributes, however many; an optimiser made before;
    hooks; tied and frozen parameters; DistributedDataParallel around it; torch.compile, which notices and compiles
    again. The model may itself be a recurrent layer. Names and `state_dict` don't change, nor what
    `isinstance(layer, torch.nn.LSTM)` answers; `type(layer)` does. Because of that answer torch.compile goes on
    leaving these layers out of its graphs; what it takes with `fullgraph=True` are models built of `recurra.nn` layers.

    A layer is left, and the report says why, where torch would compute it all the same (`recurra.ops.plan`: other
    numbers than float32, other devices than the CPU, projections, single steps of cells), and where its weights and
    class may not say all that it computes: subclasses, replaced `forward` methods, weights that a parametrization,
    weight norm or pruning derives, what is quantized or compiled by torch.jit. Plans are made for where the weights lie
    now: call it again after moving a model to the CPU. A swapped layer that is moved away is computed by torch. Layers
    that the model doesn't list among its modules aren't found.

    Copies and pickles of the model stay accelerated; a pickle then needs recurra where it is loaded. Undo it with
    `recurra.decelerate`, also before torch.jit.script, which can't read recurra's layers.

    >>> model = torch.nn.Sequential(torch.nn.Embedding(100, 8), torch.nn.LSTM(8, 16, batch_first=True))
    >>> [entry.name for entry in accelerate(model).swapped]
    ['1']
    >>> decelerate(model)
    ('1',)
    """
    swapped: list[Swapped] = []
    left: list[Left] = []
    for name, module in _modules(model):
        if not _is_recurrent(module):
            continue
        layer = f"{type(module).__name__}({module.extra_repr()})"
        found = _reason_to_leave(module) or _swap(module)
        if isinstance(found, str):
            left.append(Left(name, layer, found))
        else:
            swapped.append(Swapped(name, layer, found))
    return AccelerationReport(tuple(swapped), tuple(left))


def decelerate(model: Module) -> tuple[str, ...]:
    """Give the layers that `accelerate` swapped back to torch, in place; the result is their names.

    Weights stay as training or loading left them. Layers that were made as recurra's stay so. Raises ConfigError, and
    changes nothing, if something has since put another class on top of a swapped layer.
    """
    swapped: list[tuple[str, Any]] = [
        (name, module) for name, module in _modules(model) if isinstance(module, tuple(_THEIRS))
    ]
    for name, module in swapped:
        if type(module) not in _THEIRS:
            raise ConfigError(
                f"{_path(name)} was accelerated, and something made it a {type(module).__name__} since. Take that off "
                "first (a parametrization, for instance, by torch.nn.utils.parametrize.remove_parametrizations)."
            )
    for _, module in swapped:
        module.__class__ = _THEIRS[type(module)]
    return tuple(name for name, _ in swapped)


def _modules(model: Module) -> list[tuple[str, Module]]:
    if not isinstance(model, Module):
        raise ConfigError(f"A {type(model).__name__} was given; expected a torch.nn.Module. Pass the model itself.")
    return list(model.named_modules())


def _swap(module: Any) -> ops.Plan | str:
    """The module's plan, its class being ours now; or why it is as before, since recurra has nothing better for it."""
    theirs, module.__class__ = type(module), _OURS[type(module)]
    try:
        plan: ops.Plan = module.plan()
    except ConfigError as error:
        reason = str(error)
    else:
        if plan.kernel != "torch":
            return plan
        reason = plan.reason
    module.__class__ = theirs
    return reason


def _is_recurrent(module: Module) -> bool:
    """Whether this is a recurrent layer or cell of torch's, or what torch made of one."""
    if isinstance(module, torch.jit.ScriptModule):
        return module.original_name in _NAMES
    kind = type(module)
    quantized = kind.__module__.startswith("torch.ao.nn.") and kind.__name__ in _NAMES
    return quantized or isinstance(module, torch.nn.RNNBase | torch.nn.RNNCellBase)


def _reason_to_leave(module: Module) -> str | None:
    """Why a recurrent layer must stay as it is, or None if nothing speaks against a swap."""
    kind = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        return "torch.jit has compiled it for good; call accelerate before, and use torch.compile"
    if kind.__module__.startswith("torch.ao.nn."):
        return "it is quantized; recurra computes with floating point"
    if isinstance(module, RecurrentLayer | RecurrentCell):
        return "it is recurra's already"
    if is_parametrized(module):
        return "its weights are parametrized; take that off first (torch.nn.utils.parametrize.remove_parametrizations)"
    if kind.__module__.startswith("torch.distributed.fsdp"):
        return "fully_shard has made it a class of its own; call accelerate before fully_shard"
    if kind not in _OURS:
        return f"its class {kind.__module__}.{kind.__qualname__} may compute something else than torch's layer"
    if "forward" in vars(module):
        return "its forward method was replaced"
    cells = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if module.bias else [])]
    names = module._flat_weights_names if isinstance(module, torch.nn.RNNBase) else cells
    if derived := [name for name in names if not isinstance(module._parameters.get(name), Parameter)]:
        return f"{', '.join(derived)} is derived from other parameters (weight norm, pruning, a flat buffer of FSDP)"
    return None


def _shown(entry: Swapped | Left) -> str:
    return f"{_path(entry.name)}, {entry.layer}"


def _path(name: str) -> str:
    return name or "the model itself"
