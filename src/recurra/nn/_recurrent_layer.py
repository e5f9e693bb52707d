"""What RNN, LSTM and GRU share: torch's contract for a call, the options beyond torch, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.utils.rnn import PackedSequence

from recurra import ops
from recurra.errors import ConfigError

State = tuple[Tensor, ...]


class RecurrentLayer(torch.nn.RNNBase):
    """What RNN, LSTM and GRU share: the way from all that torch takes as input to `ops.recurrent`, and back.

    Parameters, their names, initialisation, flattening and pickling are inherited from torch.
    """

    recurrent_dropout: float
    zoneout: float
    weight_dropout: float = 0.0
    layer_norm: bool
    precision: ops.Precision

    def recurrence(self) -> ops.Recurrence:
        """What this layer computes."""
        raise NotImplementedError

    def plan(self, *, steps: int | None = None, rows: int | None = None) -> ops.Plan:
        """Which kernel this layer runs on, where its weights lie now, and why; for a call of so many steps and rows."""
        # Not parameters(): a replica that DataParallel makes has none.
        weight = next(weight for weight in self._flat_weights if weight is not None)
        how: Any = {"dtype": weight.dtype, "device": weight.device, "training": self.training}
        return self.recurrence().plan(**how, steps=steps, rows=rows, hidden_size=self.hidden_size)

    def stream(self, rows: int = 1) -> ops.Stream:
        """This layer outside of training, a step at a time, for so many sequences at once; with its weights of now.

        Products are of float32, whatever the layer's precision is: a step waits for weights, not for products.
        """
        weights: list[Tensor] = self._flat_weights  # type: ignore[assignment]
        return ops.stream(weights, self.recurrence(), rows)

    def flatten_parameters(self) -> None:
        """Lay the weights out for cuDNN, where torch computes this layer; otherwise do nothing."""
        if self.plan().kernel == "torch":
            super().flatten_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights anew as torch does; what scales a norm begins as 1, what shifts it as 0."""
        super().reset_parameters()
        for name, parameter in self.named_parameters():
            reset_norm(name, parameter)

    def extra_repr(self) -> str:
        return super().extra_repr() + beyond_torch(self.recurrence())

    def _complete(self) -> None:
        """Refuse what nothing computes, and add the weights that torch lacks.

        They are drawn after torch's own, which so are those of a plain layer of the same seed.
        """
        check(self.recurrence())
        check_share("weight_dropout", self.weight_dropout)
        extra = extra_weights(self.recurrence(), self.hidden_size)
        for names in self._all_weights if extra else ():
            suffix, like = names[0].removeprefix("weight_ih"), getattr(self, names[0])
            for name, size in extra.items():
                setattr(self, name + suffix, drawn(name, size, self.hidden_size, like))
                names.append(name + suffix)
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._init_flat_weights()

    def _run(
        self,
        input: Tensor | PackedSequence,
        state: State | None,
        lengths: Sequence[int] | Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Any, State]:
        if isinstance(input, PackedSequence):
            if resets is not None:
                raise ConfigError(
                    "A packed sequence and resets= were given. Pass the padded sequence, its lengths= and resets=."
                )
            return self._run_packed(input, state, lengths)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
        batched = input.dim() == 3
        if state is not None and not (state[0].dim() == state[-1].dim() == input.dim()):
            kind, dims = "batched 3-D" if batched else "unbatched 2-D", [f"{field.dim()}-D" for field in state]
            names, got = (
                ("hx", f"{dims[0]} tensor") if len(dims) == 1 else ("hx and cx", f"({', '.join(dims)}) tensors")
            )
            raise RuntimeError(f"For {kind} input, {names} should also be {input.dim()}-D but got {got}")
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
            state = None if state is None else tuple(field.unsqueeze(1) for field in state)
            resets = None if resets is None else resets.unsqueeze(batch_dim)
        state = self._checked(input, state, None)
        counts = None if lengths is None else self._checked_lengths(lengths, input, batched)
        if resets is not None:
            self._check_resets(resets, input)
        output, state = self._compute(input, state, lengths=counts, resets=resets)
        if not batched:
            output, state = output.squeeze(batch_dim), tuple(field.squeeze(1) for field in state)
        return output, state

    def _run_packed(
        self, input: PackedSequence, state: State | None, lengths: Sequence[int] | Tensor | None
    ) -> tuple[PackedSequence, State]:
        if lengths is not None:
            raise ConfigError(
                "A packed sequence and lengths= were given; it holds its lengths already. Leave lengths= out."
            )
        data, batch_sizes, sorted_indices, unsorted_indices = input
        if state is not None and sorted_indices is not None:
            state = tuple(field.index_select(1, sorted_indices) for field in state)
        state = self._checked(data, state, batch_sizes)
        data, state = self._compute(data, state, batch_sizes=batch_sizes)
        if unsorted_indices is not None:
            state = tuple(field.index_select(1, unsorted_indices) for field in state)
        return PackedSequence(data, batch_sizes, sorted_indices, unsorted_indices), state

    def _compute(self, input: Tensor, state: State, **rows: Tensor | None) -> tuple[Tensor, State]:
        # By name, since functional_call and compilers exchange parameters; straight from where they are, if they are
        # there, since asking a module takes longer than a step. torch's list of them is for cuDNN.
        if not input.is_cpu and not torch.compiler.is_compiling():
            self._update_flat_weights()
        there = self._parameters
        weights: Any = [there[name] if name in there else getattr(self, name) for name in self._flat_weights_names]
        if self.training and self.weight_dropout:
            weights = [
                torch.nn.functional.dropout(weight, self.weight_dropout) if name.startswith("weight_hh") else weight
                for name, weight in zip(self._flat_weights_names, weights, strict=True)
            ]
        return ops.recurrent(input, state, weights, self.recurrence(), training=self.training, **rows)

    def _state_sizes(self, input: Tensor, batch_sizes: Tensor | None) -> dict[str, tuple[int, int, int]]:
        """The size of each field of the state, and how torch's messages call it."""
        return {"hidden": self.get_expected_hidden_size(input, batch_sizes)}

    def _checked(self, input: Tensor, state: State | None, batch_sizes: Tensor | None) -> State:
        """The state, which is zero if none was given, once it and the input have the right sizes."""
        sizes = self._state_sizes(input, batch_sizes)
        if state is None:
            state = tuple(torch.zeros(size, dtype=input.dtype, device=input.device) for size in sizes.values())
        self.check_input(input, batch_sizes)
        for field, (name, size) in zip(state, sizes.items(), strict=True):
            self.check_hidden_size(field, size, f"Expected {name} size {{}}, got {{}}")
        return state

    def _checked_lengths(self, lengths: Sequence[int] | Tensor, input: Tensor, batched: bool) -> Tensor:
        if not batched:
            raise ConfigError("lengths= was given for one sequence without a batch. Cut the sequence instead.")
        counts = torch.as_tensor(lengths)
        batch, time = input.shape[:2] if self.batch_first else (input.shape[1], input.shape[0])
        if counts.shape != (batch,) or counts.is_floating_point():
            raise ConfigError(
                f"lengths has shape {tuple(counts.shape)} and type {counts.dtype}; expected one whole number for each "
                f"of the {batch} rows. Is batch_first={self.batch_first} meant?"
            )
        # A compiler can't look at numbers; the compiled kernel does.
        can_look = batch and not torch.compiler.is_compiling()
        if can_look and (int(counts.min()) < 0 or int(counts.max()) > time):
            raise ConfigError(
                f"lengths reach from {int(counts.min())} to {int(counts.max())}, but the input has {time} steps. "
                "Each length must lie between 0 and that."
            )
        return counts.long()

    def _check_resets(self, resets: Tensor, input: Tensor) -> None:
        if resets.shape != input.shape[:2] or resets.dtype != torch.bool:
            raise ConfigError(
                f"resets has shape {tuple(resets.shape)} and type {resets.dtype}; expected shape "
                f"{tuple(input.shape[:2])} and torch.bool, True where a row begins anew. "
                f"Is batch_first={self.batch_first} meant?"
            )


def check(recurrence: ops.Recurrence) -> None:
    """Raise ConfigError for options that are no probabilities, and for those that nothing computes together."""
    for name in ("recurrent_dropout", "zoneout"):
        check_share(name, getattr(recurrence, name))
    recurrence.plan(dtype=torch.float32, device=torch.device("cpu"), training=True)


def check_share(name: str, share: object) -> None:
    """Raise ConfigError for what is no probability."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ConfigError(f"{name}={share!r}: expected a probability. Pass a number between 0 and 1.")


def check_nonlinearity(name: str) -> None:
    """Raise ConfigError for a nonlinearity that simple recurrent networks don't come with."""
    if name not in ("tanh", "relu", "sigmoid"):
        raise ConfigError(f"Unknown nonlinearity '{name}'. Select from 'tanh', 'relu' or 'sigmoid'.")


def extra_weights(recurrence: ops.Recurrence, hidden: int) -> dict[str, int]:
    """The weights of a cell that torch has no name for, in the order of the equations, and their sizes."""
    cell = recurrence.cell
    sizes = {
        "weight_peephole": 3 * hidden,
        "weight_norm_ih": cell.gates * hidden,
        "weight_norm_hh": cell.gates * hidden,
        "weight_norm_c": hidden,
        "bias_norm_c": hidden,
    }
    names = [name for name in cell.weights._fields if recurrence.bias or "bias" not in name]
    return {name: sizes[name] for name in names if name in sizes}


def drawn(name: str, size: int, hidden: int, like: Tensor) -> Parameter:
    """A weight of `extra_weights`, drawn as torch draws its own, or at rest if it belongs to a norm."""
    parameter = Parameter(like.new_empty(size).uniform_(-(hidden**-0.5), hidden**-0.5))
    reset_norm(name, parameter)
    return parameter


def reset_norm(name: str, parameter: Parameter) -> None:
    """Put the weight of a norm, known by its name, to where the norm neither scales nor shifts."""
    if "_norm_" in name:
        torch.nn.init.constant_(parameter, 0.0 if "bias" in name else 1.0)


def beyond_torch(recurrence: ops.Recurrence) -> str:
    """The options that torch lacks and that are in use, as a module shows its options."""
    names = ("peephole", "reset_after", "recurrent_dropout", "zoneout", "layer_norm", "precision")
    values = {name: getattr(recurrence, name) for name in names}
    return "".join(f", {name}={value}" for name, value in values.items() if value != recurrence._field_defaults[name])
