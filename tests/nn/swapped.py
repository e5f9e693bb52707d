"""Models of torch's layers, for the tests of swapping these for ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.nn._accelerate import (
    AcceleratedGRU,
    AcceleratedLSTM,
    AcceleratedRNN,
)

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
