"""RNN, LSTM and GRU with the contract of torch.nn, computed by what `recurra.ops` plans."""

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


class _Recurrent(torch.nn.RNNBase):
    """What RNN, LSTM and GRU share: the way from all that torch takes as input to `ops.recurrent`, and back.

    Parameters, their names, initialisation, flattening and pickling are inherited from torch.
    """

    def recurrence(self) -> ops.Recurrence:
        """What this layer computes."""
        raise NotImplementedError

    def plan(self) -> ops.Plan:
        """Which kernel this layer runs on, where its weights lie now, and why."""
        # Not parameters(): a replica that DataParallel makes has none.
        weight = next(weight for weight in self._flat_weights if weight is not None)
        return self.recurrence().plan(dtype=weight.dtype, device=weight.device, training=self.training)

    def flatten_parameters(self) -> None:
        """Lay the weights out for cuDNN, where torch computes this layer; otherwise do nothing."""
        if self.plan().kernel == "torch":
            super().flatten_parameters()

    def _run(
        self, input: Tensor | PackedSequence, state: State | None, lengths: Sequence[int] | Tensor | None
    ) -> tuple[Any, State]:
        self._update_flat_weights()
        if isinstance(input, PackedSequence):
            return self._run_packed(input, state, lengths)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
        batched = input.dim() == 3
        if state is not None and any(field.dim() != input.dim() for field in state):
            kind, dims = "batched 3-D" if batched else "unbatched 2-D", [f"{field.dim()}-D" for field in state]
            names, got = (
                ("hx", f"{dims[0]} tensor") if len(dims) == 1 else ("hx and cx", f"({', '.join(dims)}) tensors")
            )
            raise RuntimeError(f"For {kind} input, {names} should also be {input.dim()}-D but got {got}")
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
            state = None if state is None else tuple(field.unsqueeze(1) for field in state)
        state = self._checked(input, state, None)
        counts = None if lengths is None else self._checked_lengths(lengths, input, batched)
        output, state = self._compute(input, state, lengths=counts)
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
        weights: list[Tensor] = self._flat_weights  # type: ignore[assignment]
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
        if batch and (int(counts.min()) < 0 or int(counts.max()) > time):
            raise ConfigError(
                f"lengths reach from {int(counts.min())} to {int(counts.max())}, but the input has {time} steps. "
                "Each length must lie between 0 and that."
            )
        return counts.long()


class RNN(_Recurrent):
    """torch.nn.RNN, and more: `nonlinearity="sigmoid"`, `lengths=`, and sequences of no steps.

    Equations: `recurra.reference.rnn_step`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        if nonlinearity not in ("tanh", "relu", "sigmoid"):
            raise ConfigError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh', 'relu' or 'sigmoid'.")
        self.nonlinearity = nonlinearity
        # torch's constructor knows two of the three modes; the weights are the same.
        super().__init__(
            "RNN_RELU" if nonlinearity == "relu" else "RNN_TANH",
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.mode = f"RNN_{nonlinearity.upper()}"

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "rnn", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional,
            nonlinearity=self.nonlinearity,
        )  # fmt: skip

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Sequence[int] | Tensor | None = None,
    ) -> tuple[Any, Tensor]:
        """Outputs and final h, as torch gives them. `lengths` counts each row's steps; beyond them is padding."""
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths)
        return output, h

    def extra_repr(self) -> str:
        return super().extra_repr() + (", nonlinearity=sigmoid" if self.nonlinearity == "sigmoid" else "")


class LSTM(_Recurrent):
    """torch.nn.LSTM, and more: `peephole=True`, `lengths=`, and sequences of no steps.

    Peepholes are one more parameter for each layer and direction, `weight_peephole_l{k}` (3 hidden, in the order i f
    o). Equations: `recurra.reference.lstm_step` and `peephole_lstm_step`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        peephole: bool = False,
    ) -> None:
        if peephole and proj_size:
            raise ConfigError(
                f"proj_size={proj_size} with peephole=True: nothing computes both. Leave one of them out."
            )
        self.peephole = peephole
        super().__init__(
            "LSTM",
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype,
        )  # fmt: skip
        if peephole:
            self._add_peepholes()

    def _add_peepholes(self) -> None:
        """One more parameter a cell, drawn after torch's, which so are those of a plain LSTM of the same seed."""
        bound = self.hidden_size**-0.5
        for names in self._all_weights:
            name = names[0].replace("weight_ih", "weight_peephole")
            values = torch.empty_like(getattr(self, names[0])[:, 0])[: 3 * self.hidden_size]
            setattr(self, name, Parameter(values.uniform_(-bound, bound)))
            names.append(name)
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self._init_flat_weights()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "lstm", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional, self.proj_size,
            peephole=self.peephole,
        )  # fmt: skip

    def _state_sizes(self, input: Tensor, batch_sizes: Tensor | None) -> dict[str, tuple[int, int, int]]:
        hidden = self.get_expected_hidden_size(input, batch_sizes)
        return {"hidden[0]": hidden, "hidden[1]": (*hidden[:2], self.hidden_size)}

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, Tensor] | None = None,
        *,
        lengths: Sequence[int] | Tensor | None = None,
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Outputs and final (h, c), as torch gives them. `lengths` counts each row's steps; beyond them is padding."""
        output, (h, c) = self._run(input, None if hx is None else (hx[0], hx[1]), lengths)
        return output, (h, c)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", peephole=True" if self.peephole else "")


class GRU(_Recurrent):
    """torch.nn.GRU, and more: `reset_after=False` for the form of Cho et al. 2014, `lengths=`, sequences of no steps.

    Equations: `recurra.reference.gru_reset_after_step` and `gru_reset_before_step`; both have the same parameters.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        self.reset_after = reset_after
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "gru", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional,
            reset_after=self.reset_after,
        )  # fmt: skip

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Sequence[int] | Tensor | None = None,
    ) -> tuple[Any, Tensor]:
        """Outputs and final h, as torch gives them. `lengths` counts each row's steps; beyond them is padding."""
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths)
        return output, h

    def extra_repr(self) -> str:
        return super().extra_repr() + (", reset_after=False" if not self.reset_after else "")


def _refuse_projection(proj_size: object) -> None:
    if proj_size is not None:
        raise ConfigError("proj_size argument is only supported for LSTM, not RNN or GRU")
