"""A direct decoder's last linear maps, changed by a session as the truth arrives; taken back where that harms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._composition import CLIP
from recurra.tasks.forecast._live_answer import Learning

# Size of a step: the share of the error that a single truth would take away.
HEAD_RATE, SKIP_RATE = 0.005, 0.01
MARGIN = 0.02  # by which the learned loss may exceed the unlearned one
_LIMIT = 2.0  # usual errors; a step takes no error for larger
_MOST_WAITING = 8  # forecasts
_MEMORY = 0.01  # weight of the newest loss in the rolling ones
_ENOUGH = 30  # truths before the two losses are compared


class Parts(NamedTuple):
    """What the network says of B windows, and what its last linear maps read on the way."""

    forecast: np.ndarray  # (B, K, C, outputs), K rounded up to whole segments
    spread: np.ndarray  # (B, 1, C)
    features: np.ndarray  # (B, segments, H + 1) what goes into the head, and a 1 for its bias
    window: np.ndarray  # (B, T, C) what the linear skip reads; T is 0 without one


@dataclass
class Tally:
    """How the forecasts do with what was learned, and without."""

    truths: int = 0
    usual: float = 0.0  # rolling error of the first output without, in spreads
    compared: int = 0  # truths since something was taken back
    learned: float = 0.0  # rolling loss with what was learned
    plain: float = 0.0  # and without
    pace: float = 1.0  # of steps
    rollbacks: int = 0


class Learner:
    """A change of the head and of the linear skip, for one session; the model's weights stay as they are.

    What follows both maps is a sum, so a change of theirs adds to the forecast, in spreads: `head @ features`, for each
    step within a segment, target and output, plus `skip @ window`, for each step ahead. (The head's part is added
    behind the decoder's gain, which is next to nothing where training left all to the skip.)

    Each truth takes one step down the slope of the training loss at the forecasts that wait for it: at most 8, evenly
    apart, so that all steps ahead have their turn. Steps are divided by the squared length of what the map read (NLMS:
    Nagumo & Noda, 1967) and measured in usual errors, so that they suit series of any size.
    """

    def __init__(self, chosen: Chosen, targets: int) -> None:
        together = targets if chosen.joint else 1
        rows, horizon, outputs = targets // together, chosen.horizon, chosen.outputs
        width = chosen.hidden_size * (1 + chosen.bidirectional) + 1
        context = chosen.context if chosen.linear_skip else 0
        self._horizon, self._segment = horizon, chosen.segment
        self._loss = Loss(chosen.loss, chosen.levels)
        self._stride = -(-horizon // _MOST_WAITING)  # every so many rows a forecast is kept
        self.count = -(-horizon // self._stride)
        segments = chosen.horizon_padded // chosen.segment

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, dtype=np.float32)

        self._head, self._skip = zeros(chosen.segment, together * outputs, width), zeros(horizon, context)
        self._good_head, self._good_skip = np.zeros_like(self._head), np.zeros_like(self._skip)
        # Forecasts that wait: the row they were made after, and what they are made of.
        self._made = np.full(self.count, -1 - horizon, dtype=np.int64)
        self._plain = zeros(self.count, rows, horizon, together, outputs)
        self._said = np.zeros_like(self._plain)
        self._spread = np.ones((self.count, rows, 1, together), dtype=np.float32)
        self._features = zeros(self.count, rows, segments, width)
        self._window = zeros(self.count, rows, context, together)
        self.tally = Tally()

    @property
    def arrays(self) -> list[np.ndarray]:
        """All there is to it, but for the tally."""
        maps = [self._head, self._skip, self._good_head, self._good_skip]
        return [*maps, self._made, self._plain, self._said, self._spread, self._features, self._window]

    @property
    def numbers(self) -> np.ndarray:
        """The tally, as numbers."""
        return np.array(astuple(self.tally), dtype=np.float64)

    def report(self) -> Learning:
        """How it is doing."""
        tally = self.tally
        told = tally.compared >= _ENOUGH and tally.plain > 0
        return Learning(tally.learned / tally.plain if told else None, tally.rollbacks)

    def restore(self, arrays: Sequence[np.ndarray], numbers: Sequence[float]) -> None:
        """Go on from `arrays` and `numbers` of another one."""
        for own, other in zip(self.arrays, arrays, strict=True):
            own[:] = other
        truths, usual, compared, learned, plain, pace, rollbacks = numbers
        self.tally = Tally(int(truths), usual, int(compared), learned, plain, pace, int(rollbacks))

    @np.errstate(over="ignore", invalid="ignore")
    def learned(self, parts: Parts) -> np.ndarray:
        """The forecast with what was learned added to it."""
        forecast, spread, features, window = parts
        change = (features @ self._head.reshape(-1, features.shape[2]).T).reshape(
            len(forecast), -1, *forecast.shape[2:]
        )
        change = change[:, : self._horizon] + (self._skip @ window)[..., None]
        out = forecast.copy()
        out[:, : self._horizon] += change * spread[..., None]
        return out

    def remember(self, row: int, parts: Parts, said: np.ndarray) -> None:
        """Keep a forecast made after a row, with what was `learned` by then, until its truths come."""
        if row % self._stride:
            return
        place = row // self._stride % self.count
        # A window of numbers too large for a network would spoil the maps for good.
        finite = all(np.isfinite(array).all() for array in (said, parts.features, parts.window))
        self._made[place] = row if finite else -1 - self._horizon
        self._plain[place], self._said[place] = parts.forecast[:, : self._horizon], said[:, : self._horizon]
        self._spread[place], self._features[place], self._window[place] = parts.spread, parts.features, parts.window

    @np.errstate(over="ignore", invalid="ignore")
    def learn(self, row: int, truth: Sequence[float]) -> None:
        """Take a step towards the truth of a row, NaN where missing."""
        lead = row - 1 - self._made
        waiting = np.flatnonzero((lead >= 0) & (lead < self._horizon))
        lead = lead[waiting]
        spread = self._spread[waiting][:, :, 0, :, None]
        wanted = np.array(truth, dtype=np.float32).reshape(spread.shape[1:])
        # How far the forecasts were off, (waiting, B, C, outputs) in spreads.
        plain = (self._plain[waiting, :, lead] - wanted) / spread
        said = (self._said[waiting, :, lead] - wanted) / spread
        known = np.asarray(np.isfinite(plain + said).all(-1))
        if not known.any():
            return
        plain, said = (np.where(known[..., None], each.clip(-CLIP, CLIP), 0) for each in (plain, said))
        self._count(plain[known], said[known])
        self._step(waiting, lead, plain, known)
        if self.tally.compared >= _ENOUGH:
            self._compare()

    def _count(self, plain: np.ndarray, said: np.ndarray) -> None:
        tally = self.tally
        tally.truths += 1
        tally.compared += 1
        share = max(_MEMORY, 1 / tally.truths)
        tally.usual += share * (float(np.abs(plain[:, 0]).mean()) - tally.usual)
        share = max(_MEMORY, 1 / tally.compared)
        losses = self._loss.of(np.stack([plain, said])).mean(axis=1).tolist()
        tally.plain += share * (losses[0] - tally.plain)
        tally.learned += share * (losses[1] - tally.learned)

    def _step(self, waiting: np.ndarray, lead: np.ndarray, plain: np.ndarray, known: np.ndarray) -> None:
        """Change both maps so that they would have been off by less."""
        tally, loss = self.tally, self._loss
        place = lead % self._segment
        features, window = self._features[waiting, :, lead // self._segment], self._window[waiting]
        off = plain + np.einsum("mrh,mbh->mbr", self._head[place], features).reshape(plain.shape)
        off += np.einsum("mt,mbtc->mbc", self._skip[lead], window)[..., None]
        limit = _LIMIT * tally.usual
        step = (loss.slope(off) * loss.sizes(tally.usual)).clip(-limit, limit) * known[..., None]
        step = (tally.pace * step).astype(np.float32)
        change = np.einsum("mbr,mbh->mrh", step.reshape(*step.shape[:2], -1), features)
        # Steps ahead at the same place of a segment share their row of the head.
        total, length = np.zeros_like(self._head), np.zeros(self._segment, dtype=np.float32)
        np.add.at(total, place, change)
        np.add.at(length, place, np.square(features).sum((1, 2)))
        self._head -= HEAD_RATE * total / np.maximum(length, 1)[:, None, None]
        length = 1 + np.square(window).sum((1, 2, 3))
        self._skip[lead] -= SKIP_RATE * np.einsum("mbc,mbtc->mt", step @ loss.shares, window) / length[:, None]

    def _compare(self) -> None:
        """Keep what was learned while it helps; where it harms, go back to what was kept last."""
        tally = self.tally
        if tally.learned > tally.plain * (1 + MARGIN):
            self._head[:], self._skip[:] = self._good_head, self._good_skip
            # If that harms too, nothing is left of it.
            self._good_head[:], self._good_skip[:] = 0, 0
            tally.rollbacks += 1
            tally.pace /= 2
            tally.compared, tally.learned, tally.plain = 0, 0.0, 0.0
            for place in range(self.count):
                parts = Parts(self._plain[place], self._spread[place], self._features[place], self._window[place])
                self._said[place] = self.learned(parts)
        elif tally.compared % _ENOUGH == 0 and tally.learned < tally.plain * (1 - MARGIN):
            self._good_head[:], self._good_skip[:] = self._head, self._skip
            tally.pace = min(1.0, 2 * tally.pace)


class Loss:
    """What training minimises (`_losses.py`), of how far outputs (..., outputs) are off, in spreads."""

    def __init__(self, kind: str, levels: Sequence[float]) -> None:
        self.kind, self._levels = kind, np.array(levels, dtype=np.float32)
        count = len(levels)
        # How much each output has a say where all of them move together.
        self.shares = np.array([0.5] + [1 / count] * count if kind == "quantile" else [1.0], dtype=np.float32)

    def of(self, off: np.ndarray) -> np.ndarray:
        """The loss, (...)."""
        first = off[..., 0]
        if self.kind == "mse":
            return np.square(first)
        if self.kind == "mae":
            return np.abs(first)
        error = -off[..., 1:]
        pinball = np.maximum(self._levels * error, (self._levels - 1) * error).mean(-1)
        return 2 * pinball + 0.5 * np.square(first)

    def slope(self, off: np.ndarray) -> np.ndarray:
        """Its derivative by each output, (..., outputs)."""
        if self.kind == "mse":
            return 2 * off
        if self.kind == "mae":
            return np.sign(off)
        out = off.copy()
        out[..., 1:] = 2 / len(self._levels) * ((off[..., 1:] > 0) - self._levels)
        return out

    def sizes(self, usual: float) -> np.ndarray:
        """What makes of the slope of each output a step as large as its error, or as the usual one, (outputs,)."""
        count = len(self._levels)
        return np.array({"mse": [0.5], "mae": [usual]}.get(self.kind, [1.0] + [count / 2 * usual] * count))
