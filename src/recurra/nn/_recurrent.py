"""RNN, LSTM and GRU with the contract of torch.nn, computed by what `recurra.ops` plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra import ops
from recurra.errors import ConfigError
from recurra.nn._recurrent_layer import RecurrentLayer, check_nonlinearity


class RNN(RecurrentLayer):
    """torch.nn.RNN, and more: `nonlinearity="sigmoid"`, and what all layers here have more than torch's.

    That is, at call, `lengths=`, `resets=` and sequences of no steps, and as options:

    * `recurrent_dropout=p` drops units of h on its way into the recurrent product, the same ones at all steps of a row,
      in training (Gal & Ghahramani, 2016).
    * `weight_dropout=p` drops entries of the recurrent matrices, anew for each call, in training (Merity et al., 2018).
    * `zoneout=p` lets each unit of the state keep its old number with this probability in training, and to this share
      otherwise (Krueger et al., 2017).
    * `layer_norm=True` normalises the two products of a step (Ba, Kiros & Hinton, 2016), with parameters
      `weight_norm_ih_l{k}` and `weight_norm_hh_l{k}` that scale them.
    * `precision="bf16"` multiplies numbers rounded to bfloat16, where the processor does that faster (AVX512_BF16), and
      adds up in float32. Parameters, inputs, states, outputs and gradients stay float32, and are off by half a percent
      or so. What `plan()` says tells whether it does.

    Equations: `recurra.reference.rnn`, `Cell.run` and `layer_norm_rnn`.
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
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        layer_norm: bool = False,
        precision: ops.Precision = "float32",
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        check_nonlinearity(nonlinearity)
        self.recurrent_dropout, self.zoneout, self.layer_norm = recurrent_dropout, zoneout, layer_norm
        self.weight_dropout = weight_dropout
        self.precision = precision
        self.nonlinearity = nonlinearity
        # torch's constructor knows two of the three; the weights are the same.
        known = "tanh" if nonlinearity == "sigmoid" else nonlinearity
        super().__init__(
            f"RNN_{known.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self.mode = f"RNN_{nonlinearity.upper()}"
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "rnn", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional,
            nonlinearity=self.nonlinearity,
            recurrent_dropout=self.recurrent_dropout, zoneout=self.zoneout, layer_norm=self.layer_norm,
            precision=self.precision,
        )  # fmt: skip

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Sequence[int] | Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, Tensor]:
        """Outputs and final h, as torch gives them.

        `lengths` counts each row's steps; beyond them is padding. `resets`, bool and laid out as the input is, says at
        which steps a row begins anew: nothing passes between such a step and the one before it.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths, resets)
        return output, h

    def extra_repr(self) -> str:
        return super().extra_repr() + (", nonlinearity=sigmoid" if self.nonlinearity == "sigmoid" else "")


class LSTM(RecurrentLayer):
    """torch.nn.LSTM, and more: `peephole=True`, and what `RNN` says of all layers here.

    Peepholes are one more parameter for each layer and direction, `weight_peephole_l{k}` (3 hidden, in the order i f
    o). With `layer_norm=True` the memory is normalised too before its tanh: `weight_norm_c_l{k}`, `bias_norm_c_l{k}`.
    Equations: `recurra.reference.LSTM`, `PEEPHOLE_LSTM` and `LAYER_NORM_LSTM`.
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
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        layer_norm: bool = False,
        precision: ops.Precision = "float32",
    ) -> None:
        self.peephole = peephole
        self.recurrent_dropout, self.zoneout, self.layer_norm = recurrent_dropout, zoneout, layer_norm
        self.weight_dropout = weight_dropout
        self.precision = precision
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device=device, dtype=dtype,
        )  # fmt: skip
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "lstm", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional, self.proj_size,
            peephole=self.peephole,
            recurrent_dropout=self.recurrent_dropout, zoneout=self.zoneout, layer_norm=self.layer_norm,
            precision=self.precision,
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
        resets: Tensor | None = None,
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Outputs and final (h, c), as torch gives them.

        `lengths` counts each row's steps; beyond them is padding. `resets`, bool and laid out as the input is, says at
        which steps a row begins anew: nothing passes between such a step and the one before it.
        """
        output, (h, c) = self._run(input, None if hx is None else (hx[0], hx[1]), lengths, resets)
        return output, (h, c)


class GRU(RecurrentLayer):
    """torch.nn.GRU, and more: `reset_after=False` as Cho et al. 2014 have it, and what `RNN` says of all layers here.

    Equations: `recurra.reference.GRU_RESET_AFTER`, `GRU_RESET_BEFORE` with the same parameters, and `LAYER_NORM_GRU`.
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
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_dropout: float = 0.0,
        layer_norm: bool = False,
        precision: ops.Precision = "float32",
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        self.reset_after = reset_after
        self.recurrent_dropout, self.zoneout, self.layer_norm = recurrent_dropout, zoneout, layer_norm
        self.weight_dropout = weight_dropout
        self.precision = precision
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self._complete()

    def recurrence(self) -> ops.Recurrence:
        return ops.Recurrence(
            "gru", self.num_layers, self.bias, self.batch_first, self.dropout, self.bidirectional,
            reset_after=self.reset_after,
            recurrent_dropout=self.recurrent_dropout, zoneout=self.zoneout, layer_norm=self.layer_norm,
            precision=self.precision,
        )  # fmt: skip

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        *,
        lengths: Sequence[int] | Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, Tensor]:
        """Outputs and final h, as torch gives them.

        `lengths` counts each row's steps; beyond them is padding. `resets`, bool and laid out as the input is, says at
        which steps a row begins anew: nothing passes between such a step and the one before it.
        """
        output, (h,) = self._run(input, None if hx is None else (hx,), lengths, resets)
        return output, h


def _refuse_projection(proj_size: object) -> None:
    if proj_size is not None:
        raise ConfigError("proj_size argument is only supported for LSTM, not RNN or GRU")
