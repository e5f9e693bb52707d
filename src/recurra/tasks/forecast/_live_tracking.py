"""What a session learns from its own forecasts as the truth arrives: how wide they should be, and how good they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recurra.tasks.forecast._composition import CLIP

RATE = 0.1  # of the usual error, by which a quantile moves when every truth lies beyond it
_MEMORY = 0.03  # weight of the newest error in the rolling ones
_ENOUGH = 20  # truths before drift is spoken of
_ALL, _SOME, _MOST_PENDING = 32, 16, 32


@dataclass(frozen=True, eq=False)
class Followed:
    """Which steps ahead are held against the truth, and where their forecasts wait for it."""

    leads: np.ndarray  # (n,) rising, the first is 1
    strides: np.ndarray  # (n,) every so many rows one forecast is kept
    slots: np.ndarray  # (n,) forecasts that wait at most
    offsets: np.ndarray  # (n,) where the slots of each begin
    nearest: np.ndarray  # (K,) the followed step that each step ahead moves with
    dense: bool  # whether every forecast is kept
    # How each number (mean and quantiles of all targets) moves when the truth lies above it, or else: (n, C (1 + Q)).
    # Whole tables, since numpy is much slower where it has to repeat a row.
    up: np.ndarray
    down: np.ndarray
    middle: tuple[int, ...]  # where the median of each target is, or what is nearest to it
    median: int | None  # the place of level 0.5 among the levels

    @cached_property
    def farthest(self) -> int:
        """The last step ahead that is followed."""
        return int(self.leads[-1])

    @property
    def size(self) -> int:
        """Slots in all."""
        return int(self.slots.sum())


def follow(horizon: int, levels: Sequence[float], targets: int) -> Followed:
    """All steps of a short horizon; of a long one some, evenly apart by their logarithm, less often the farther."""
    leads = np.unique(np.geomspace(1, horizon, min(horizon, _SOME)).round().astype(np.int64))
    if horizon <= _ALL:
        leads = np.arange(1, horizon + 1)
    strides = -(-leads // _MOST_PENDING)
    leads, first = np.unique(leads // strides * strides, return_index=True)
    strides = strides[first]
    slots = leads // strides
    distance = np.abs(np.log(np.arange(1, horizon + 1))[:, None] - np.log(leads))
    level = np.asarray(levels)
    middle = int(np.argmin(np.abs(level - 0.5)))
    is_median = np.abs(level - 0.5) < 1e-6
    up = RATE * np.tile(np.append(0, np.where(is_median, 0, level)), (len(leads), targets))
    down = RATE * np.tile(np.append(0, np.where(is_median, 0, level - 1)), (len(leads), targets))
    return Followed(
        leads,
        strides,
        slots,
        np.append(0, np.cumsum(slots)[:-1]),
        distance.argmin(1),
        bool((strides == 1).all()),
        up.astype(np.float32),
        down.astype(np.float32),
        tuple(target * (1 + len(levels)) + 1 + middle for target in range(targets)),
        middle if is_median.any() else None,
    )


class Tracker:
    """Holds forecasts against what then happened.

    Each followed quantile is moved by a share of the usual error, up by its level when the truth lies above and down by
    the rest when it doesn't, so that in the long run as many truths lie below it as it says, whatever the series does:
    quantile tracking (Gibbs & Candes, 2021; Angelopoulos, Candes & Tibshirani, 2023, "P control"). In units of the
    window's spread, like the correction that it starts from. The usual error is that of one step ahead. The median
    stays where the network has it, as in the bundle's calibration: it is there to be near, not to split even.
    """

    def __init__(self, followed: Followed, base: np.ndarray, *, adapt: bool) -> None:
        self.followed, self.adapt, self.targets = followed, adapt, base.shape[1]
        self._base, self._width = base, base.shape[2]
        near = base[followed.leads - 1] if adapt else base[:0]
        self.moved = near.reshape(len(near), self.targets * self._width).copy()  # the correction of followed steps
        self.waiting = np.full((followed.size if adapt else 0, self.moved.shape[1]), np.nan, dtype=np.float32)
        # Each row as one item, which numpy takes and puts ten times as fast.
        self._item = np.dtype((np.void, self.waiting.itemsize * self.waiting.shape[1]))
        self._rows = self.waiting.view(self._item)[:, 0]
        self.until = -1  # the last row that a forecast waits for
        self.next = -1  # the row that the last forecast saw one step ahead
        self.unbroken = 0  # forecasts since one was left out
        # Of each target: truths so far, rolling error in spreads and in scales; of the last forecast, the median of one
        # step ahead and the spread.
        self.numbers = [[0.0] * self.targets for _ in range(5)]
        self._row, self._places = -1, self._slots(0)

    def judge(self, row: int, truth: Sequence[float], scales: Sequence[float]) -> None:
        """Hold what was said of a row against its truth, NaN where missing."""
        if row == self.next:
            self._count(truth, scales)
        if not self.adapt or row > self.until:
            return
        self._row, self._places = row, self._slots(row)
        index, active = self._places
        said = self._rows[index].view(np.float32).reshape(len(index), -1)
        if self.targets == 1:
            value, error = truth[0], self.numbers[1][0]
        else:
            value = np.repeat(np.asarray(truth, dtype=np.float32), self._width)
            error = np.repeat(np.asarray(self.numbers[1], dtype=np.float32), self._width)
        up, down = self.followed.up, self.followed.down
        move = np.where(said < value, up[: len(index)], down[: len(index)])
        move *= error
        if self.unbroken < self.followed.farthest or value is not truth[0]:
            move[np.isnan(said - value)] = 0
        if active is None:
            self.moved += move
        else:
            self.moved[active] += move

    def remember(self, row: int, forecast: np.ndarray, spread: Sequence[float]) -> None:
        """Keep a forecast (K, C, 1 + Q), made after a row, until its truths come; each quantile as it was moved."""
        self.next = row + 1
        self.numbers[4] = list(spread)
        if not self.adapt:
            return
        index, active = self._places if row == self._row else self._slots(row)
        flat = forecast.reshape(len(forecast), -1)
        if len(self.moved) < len(flat):
            leads = self.followed.leads if active is None else self.followed.leads[active]
            flat = flat.take(leads - 1, axis=0)
        self._rows[index] = flat.view(self._item)[:, 0]
        self.until = row + self.followed.farthest
        self.unbroken += 1

    def expect(self, forecast: np.ndarray) -> None:
        """Keep the medians of one step ahead, as they are said."""
        self.numbers[3] = [forecast.item(place) for place in self.followed.middle]

    def forget(self, row: int) -> None:
        """No forecast was made after a row: what waits in its place is out of date."""
        self.unbroken = 0
        if row <= self.until:
            self.waiting[self._slots(row)[0]] = np.nan

    def correction(self) -> np.ndarray:
        """How far each number of a forecast is to be moved, (K, C, 1 + Q) in spreads; the mean isn't."""
        if not self.adapt:
            return self._base
        if len(self.moved) == len(self._base):
            return self.moved.reshape(self._base.shape)
        near = self.moved - self._base[self.followed.leads - 1].reshape(self.moved.shape)
        return self._base + near.take(self.followed.nearest, axis=0).reshape(self._base.shape)

    def drift(self, trained: Sequence[float]) -> float | None:
        """The rolling error of one step ahead over that of the test part; None while it can't be told."""
        if not trained or min(self.numbers[0]) < _ENOUGH:
            return None
        total = 0.0
        for error, usual in zip(self.numbers[2], trained, strict=True):
            total += error / usual
        return total / len(trained)

    def _slots(self, row: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Where forecasts of a row wait, and where those made after it will; and of which followed steps."""
        followed = self.followed
        if followed.dense:
            return followed.offsets + row % followed.leads, None
        active = np.flatnonzero(row % followed.strides == 0)
        return followed.offsets[active] + row // followed.strides[active] % followed.slots[active], active

    def _count(self, truth: Sequence[float], scales: Sequence[float]) -> None:
        """Count the errors of one step ahead in; one that is far off counts as an accident, like in the network."""
        seen, in_spreads, in_scales, median, spread = self.numbers
        for at in range(self.targets):
            error = abs(truth[at] - median[at])
            if error < math.inf:  # neither missing nor beyond all bounds
                seen[at] += 1
                share = max(_MEMORY, 1 / seen[at])
                in_spreads[at] += share * (min(error / spread[at], CLIP) - in_spreads[at])
                in_scales[at] += share * (min(error / scales[at], CLIP) - in_scales[at])
