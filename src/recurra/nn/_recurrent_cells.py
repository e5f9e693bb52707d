"""Single steps: RNNCell, LSTMCell and GRUCell with the contract of torch.nn, and more."""

from __future__ import annotations

import torch
from torch import Tensor

from recurra import ops
from recurra.errors import ConfigError
from recurra.nn._recurrent_layer import State, beyond_torch, check, check_nonlinearity, drawn, extra_weights, reset_norm


class RecurrentCell(torch.nn.RNNCellBase):
    """What the three share: the weights that torch lacks, and a step by `ops.recurrent` where torch has none.

    A step that torch has is torch's: the compiled kernel lays out the weights anew at each call, which for one step
    takes about as long as the step.
    """

    layer_norm: bool

    def recurrence(self) -> ops.Recurrence:
        """What this cell computes."""
        raise NotImplementedError

    def plan(self) -> ops.Plan:
        """What computes this cell's step, where its weights lie now, and why."""
        if self._is_torchs():
            return ops.Plan("torch", "torch computes single steps of this cell")
        return self.recurrence().plan(dtype=self.weight_ih.dtype, device=self.weight_ih.device, training=self.training)

    def reset_parameters(self) -> None:
        """Draw all weights anew as torch does; what scales a norm begins as 1, what shifts it as 0."""
        super().reset_parameters()
        for name, parameter in self.named_parameters():
            reset_norm(name, parameter)

    def extra_repr(self) -> str:
        return super().extra_repr() + beyond_torch(self.recurrence())

    def _is_torchs(self) -> bool:
        recurrence = self.recurrence()
        return recurrence.nonlinearity in ("tanh", "relu") and not beyond_torch(recurrence)

    def _complete(self) -> None:
        """Refuse what nothing computes, and add the weights that torch lacks, drawn after torch's own."""
        check(self.recurrence())
        for name, size in extra_weights(self.recurrence(), self.hidden_size).items():
            setattr(self, name, drawn(name, size, self.hidden_size, self.weight_ih))

    def _step(self, input: Tensor, state: State | None) -> State:
        """The next state, from an input (batch, feature) or (feature,) and a state of as many dimensions."""
        recurrence = self.recurrence()
        equations = recurrence.cell
        rows = input.shape[:-1]
        if input.dim() not in (1, 2) or input.shape[-1] != self.input_size:
            raise ConfigError(
                f"input has shape {tuple(input.shape)}; expected (batch, {self.input_size}) or ({self.input_size},)."
            )
        if state is None:
            state = (input.new_zeros(*rows, self.hidden_size),) * len(equations.state._fields)
        for field in state:
            if field.shape != (*rows, self.hidden_size):
                raise ConfigError(
                    f"The state has shape {tuple(field.shape)}; expected {(*rows, self.hidden_size)} for this input."
                )
        start = tuple(field.reshape(1, -1, self.hidden_size) for field in state)
        names = [name for name in equations.weights._fields if self.bias or "bias" not in name]
        weights = [getattr(self, name) for name in names]
        _, end = ops.recurrent(
            input.reshape(1, -1, self.input_size), start, weights, recurrence, training=self.training
        )
        return tuple(field.reshape(*rows, self.hidden_size) for field in end)


class RNNCell(RecurrentCell, torch.nn.RNNCell):
    """torch.nn.RNNCell, and more: `nonlinearity="sigmoid"` and `layer_norm=True`, as `RNN` has them."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        layer_norm: bool = False,
    ) -> None:
        check_nonlinearity(nonlinearity)
        self.layer_norm = layer_norm
        super().__init__(input_size, hidden_size, bias, nonlinearity, device, dtype)
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence("rnn", bias=self.bias, nonlinearity=self.nonlinearity, layer_norm=self.layer_norm)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        if self._is_torchs():
            return super().forward(input, hx)
        return self._step(input, None if hx is None else (hx,))[0]


class LSTMCell(RecurrentCell, torch.nn.LSTMCell):
    """torch.nn.LSTMCell, and more: `peephole=True` or `layer_norm=True`, as `LSTM` has them."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        peephole: bool = False,
        layer_norm: bool = False,
    ) -> None:
        self.peephole, self.layer_norm = peephole, layer_norm
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence("lstm", bias=self.bias, peephole=self.peephole, layer_norm=self.layer_norm)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        if self._is_torchs():
            return super().forward(input, hx)
        h, c = self._step(input, hx)
        return h, c


class GRUCell(RecurrentCell, torch.nn.GRUCell):
    """torch.nn.GRUCell, and more: `reset_after=False` or `layer_norm=True`, as `GRU` has them."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
        layer_norm: bool = False,
    ) -> None:
        self.reset_after, self.layer_norm = reset_after, layer_norm
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence("gru", bias=self.bias, reset_after=self.reset_after, layer_norm=self.layer_norm)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        if self._is_torchs():
            return super().forward(input, hx)
        return self._step(input, None if hx is None else (hx,))[0]
