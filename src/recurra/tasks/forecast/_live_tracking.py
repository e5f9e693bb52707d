"""What a session learns from its own forecasts as the truth arrives: how wide they should be, and how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RATE = 0.1  # of the usual error, by which a quantile moves when every truth lies beyond it
_MEMORY = 0.03  # weight of the newest error in the rolling ones
_ENOUGH = 20  # truths before drift is spoken of
_ALL, _MOST_PENDING = 16, 32


@dataclass(frozen=True, eq=False)
class Followed:
    """Which steps ahead are held against the truth, and where their forecasts wait for it."""

    leads: np.ndarray  # (n,) rising, the first is 1
    strides: np.ndarray  # (n,) every so many rows one forecast is kept
    slots: np.ndarray  # (n,) forecasts that wait at most
    offsets: np.ndarray  # (n,) where the slots of each begin
    nearest: np.ndarray  # (K,) the followed step that each step ahead moves with
    dense: bool  # whether every forecast is kept

    @property
    def size(self) -> int:
        """Slots in all."""
        return int(self.slots.sum())


def follow(horizon: int) -> Followed:
    """All steps of a short horizon; of a long one some, evenly apart by their logarithm, less often the farther."""
    leads = np.unique(np.geomspace(1, horizon, min(horizon, _ALL)).round().astype(np.int64))
    if horizon <= _ALL:
        leads = np.arange(1, horizon + 1)
    strides = -(-leads // _MOST_PENDING)
    leads, first = np.unique(leads // strides * strides, return_index=True)
    strides = strides[first]
    slots = leads // strides
    distance = np.abs(np.log(np.arange(1, horizon + 1))[:, None] - np.log(leads))
    return Followed(
        leads, strides, slots, np.append(0, np.cumsum(slots)[:-1]), distance.argmin(1), bool((strides == 1).all())
    )


class Tracker:
    """Holds forecasts against what then happened.

    Each followed quantile is moved by a share of the usual error, up by its level when the truth lies above and down by
    the rest when it doesn't, so that in the long run as many truths lie below it as it says, whatever the series does:
    quantile tracking (Gibbs & Candes, 2021; Angelopoulos, Candes & Tibshirani, 2023, "P control"). In units of the
    window's spread, like the correction that it starts from. The usual error is that of one step ahead.
    """

    def __init__(self, followed: Followed, levels: Sequence[float], targets: int, *, adapt: bool) -> None:
        self.followed, self.adapt, self.targets = followed, adapt, targets
        width = targets * len(levels)
        up = np.tile(np.asarray(levels, dtype=np.float32), targets)
        self._up, self._down = RATE * up, RATE * (1 - up)
        self._middle = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
        self._levels = len(levels)
        self.moved = np.zeros((len(followed.leads), width), dtype=np.float32)  # beyond the bundle's correction
        self.waiting = np.full((followed.size, width), np.nan, dtype=np.float32)
        self.until = -1  # the last row that a forecast waits for
        # Of each target: truths so far, rolling error in spreads and in scales; and the spread of the last forecast.
        self.numbers = np.zeros((4, targets))

    def judge(self, row: int, truth: Sequence[float], scales: Sequence[float]) -> None:
        """Hold what was said of a row against its truth, NaN where missing."""
        if row > self.until:
            return
        index, active = self._slots(row)
        said = self.waiting.take(index, axis=0)
        errors = self._count(said[0], truth, scales)
        if not self.adapt:
            return
        if self.targets == 1:
            value, error = truth[0], errors[0]
        else:
            value = np.repeat(np.asarray(truth, dtype=np.float32), self._levels)
            error = np.repeat(np.asarray(errors, dtype=np.float32), self._levels)
        # Where either is missing, both comparisons are false.
        move = (said < value) * self._up
        move -= (said >= value) * self._down
        move *= error
        if active is None:
            self.moved += move
        else:
            self.moved[active] += move

    def remember(self, row: int, quantiles: np.ndarray, spread: np.ndarray) -> None:
        """Keep a forecast (K, C, Q) that was made after a row, until its truths come."""
        index, active = self._slots(row)
        leads = self.followed.leads if active is None else self.followed.leads[active]
        flat = quantiles.reshape(len(quantiles), -1)
        self.waiting[index] = flat if len(leads) == len(flat) else flat.take(leads - 1, axis=0)
        self.until = row + int(self.followed.leads[-1])
        self.numbers[3] = spread

    def forget(self, row: int) -> None:
        """No forecast was made after a row: what waits in its place is out of date."""
        if row <= self.until:
            self.waiting[self._slots(row)[0]] = np.nan

    def shift(self, base: np.ndarray) -> np.ndarray:
        """The correction (K, C, Q) of the bundle, moved."""
        if not self.adapt:
            return base
        moved = self.moved if len(self.moved) == len(base) else self.moved.take(self.followed.nearest, axis=0)
        return base + moved.reshape(base.shape)

    def drift(self, trained: Sequence[float]) -> float | None:
        """The rolling error of one step ahead over that of the test part; None while it can't be told."""
        if self.numbers[0].min() < _ENOUGH or not trained:
            return None
        return float(sum(error / usual for error, usual in zip(self.numbers[2], trained, strict=True)) / len(trained))

    def _slots(self, row: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Where forecasts of a row wait, and where those made after it will; and of which followed steps."""
        followed = self.followed
        if followed.dense:
            return followed.offsets + row % followed.leads, None
        active = np.flatnonzero(row % followed.strides == 0)
        return followed.offsets[active] + row // followed.strides[active] % followed.slots[active], active

    def _count(self, said: np.ndarray, truth: Sequence[float], scales: Sequence[float]) -> list[float]:
        """Count the errors of one step ahead in; gives the usual ones, in spreads."""
        numbers = self.numbers
        for target in range(self.targets):
            error = abs(truth[target] - said.item(target * self._levels + self._middle))
            if error != error:
                continue
            seen = numbers.item(0, target) + 1
            share = max(_MEMORY, 1 / seen)
            numbers[0, target] = seen
            for at, unit in ((1, numbers.item(3, target)), (2, scales[target])):
                old = numbers.item(at, target)
                numbers[at, target] = old + share * (error / unit - old)
        return [numbers.item(1, target) for target in range(self.targets)]
