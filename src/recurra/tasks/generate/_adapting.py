"""Language models that follow the text they read: by learning on, or by what they remember of it."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import torch

from recurra.nn import Network
from recurra.tasks.generate._model import detached, loss, nats, read
from recurra.train import evaluating

_STEP = 20  # pieces between two updates
_CHUNK = 256
# Experts of the cache: how sharply places are told apart, and how much the cache counts.
_SHARPNESS = (0.1, 0.3, 1.0)
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)


def adapted_bits(network: Network, codes: np.ndarray, *, begin: int, rate: float) -> np.ndarray:
    """Bits (N,) of each piece by a copy that learns on, one step of gradient descent after every twenty pieces.

    Dynamic evaluation (Krause et al., 2018) in its simplest form; every piece is predicted before it is learnt from.
    """
    learner = deepcopy(network).eval()
    before, after = _text(codes, begin)
    spent, state = [], None
    for start in range(0, len(codes), _STEP):
        part = slice(start, start + _STEP)
        hidden, state = read(learner, before[:, part, None], state)
        state = detached(state)
        learner.zero_grad(set_to_none=True)
        value = loss(learner, hidden, after[:, part])
        with torch.no_grad():
            spent.append(nats(learner, hidden, after[:, part])[0].double())
        value.backward()
        with torch.no_grad():
            for parameter in learner.parameters():
                if parameter.grad is not None:
                    parameter -= rate * parameter.grad
    return torch.cat(spent).numpy() / math.log(2)


def cached_bits(network: Network, codes: np.ndarray, *, begin: int, size: int) -> np.ndarray:
    """Bits (N,) of each piece when what followed like states among the last `size` pieces counts too.

    The neural cache (Grave et al., 2017): p = (1 - share) p_network + share p_cache, where p_cache(w) is proportional
    to the sum of exp(sharpness h h_i) over remembered places i that w followed. Several values of both are tried at
    once, and weighed at each piece by how well they have predicted those before it.
    """
    before, after = _text(codes, begin)
    shares = np.array(_SHARES)
    odds = np.zeros((len(_SHARPNESS), len(shares)))  # log weights of experts
    spent = np.empty(len(codes))
    keys, values = np.empty((0, 0), np.float32), np.empty(0, np.int64)
    state = None
    with evaluating(network):
        for start in range(0, len(codes), _CHUNK):
            part = slice(start, start + _CHUNK)
            hidden, state = read(network, before[:, part, None], state)
            likely = (-nats(network, hidden, after[:, part])[0].double()).exp()
            own, now, wanted = likely.numpy(), hidden[0].numpy(), codes[part]
            past = len(values)
            keys = np.concatenate([keys.reshape(past, now.shape[1]), now])
            values = np.concatenate([values, wanted])
            found = _cache(now @ keys.T, values, wanted, past, size)  # (S, T)
            for step in range(len(wanted)):
                mixed = (1 - shares) * own[step] + shares * found[:, step, None]
                weights = np.exp(odds - odds.max())
                spent[start + step] = -math.log2(float((weights * mixed).sum() / weights.sum()))
                odds += np.log(np.maximum(mixed, 1e-30))
            keys, values = keys[-size:], values[-size:]
    return spent


def _cache(alike: np.ndarray, values: np.ndarray, wanted: np.ndarray, past: int, size: int) -> np.ndarray:
    """What the cache gives each wanted piece (T,), (sharpness, T), by products of states (T, past + T)."""
    steps = np.arange(len(wanted))[:, None] + past
    places = np.arange(len(values))
    known = (places < steps) & (places >= steps - size)
    hits = known & (values == wanted[:, None])
    found = []
    for sharpness in _SHARPNESS:
        scores = np.where(known, sharpness * alike, -np.inf)
        top = scores.max(axis=1, keepdims=True)
        weights = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
        found.append((weights * hits).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-30))
    return np.stack(found)


def _text(codes: np.ndarray, begin: int) -> tuple[torch.Tensor, torch.Tensor]:
    text = torch.from_numpy(np.concatenate([[begin], codes]).astype(np.int64))
    return text[None, :-1], text[None, 1:]
