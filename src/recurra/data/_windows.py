from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recurra import ops
from recurra.data._calendar import calendar_features
from recurra.data._panel import Panel
from recurra.data._preparation import Preparation


class Windows:
    """A panel as tensors, from which any set of windows is gathered by index, without a Python loop.

    A window at origin r (a row) sees the `context` rows before r and asks for the `horizon` rows from r on. Rows before
    the start of its series are shown as not observed; the one before r must exist. With independent channels a window
    is of one target, and "channel" says which.
    """

    def __init__(self, panel: Panel, preparation: Preparation, *, joint: bool) -> None:
        self.joint = joint
        self.num_targets = panel.target.shape[1]
        self.offsets = torch.from_numpy(panel.offsets)
        observed = np.isfinite(panel.target)
        self.target = torch.from_numpy(np.where(observed, panel.target, np.float32(0)))  # (N, C)
        self.observed = torch.from_numpy(observed.astype(np.float32))  # (N, C)
        since = ops.steps_since_observed(panel.target, panel.offsets)
        if preparation.uneven_step is not None:
            since = times_since_observed(panel, since) / np.float32(preparation.uneven_step)
        self.since = torch.from_numpy(np.log1p(since) / np.float32(3))  # (N, C)
        calendar = calendar_features(panel.time, preparation.calendar, panel.schema.time_zone)
        self.known = torch.from_numpy(np.concatenate([calendar, preparation.known.apply(panel.known)], axis=1))
        self.known_codes = torch.from_numpy(panel.known_codes)
        self.past = torch.from_numpy(preparation.past.apply(panel.past))
        self.past_codes = torch.from_numpy(panel.past_codes)
        self.static = torch.from_numpy(preparation.static.apply(panel.static))
        self.static_codes = torch.from_numpy(panel.static_codes)
        self.centre, self.scale, self._first, self._moves = map(torch.from_numpy, preparation.units_of(panel))

    def widths(self) -> dict[str, int]:
        """Numbers on the last axis of each input that `gather` gives."""
        c = self.num_targets if self.joint else 1
        return {
            "target": c,
            "observed": c,
            "since": c,
            "centre": c,
            "scale": c,
            "past": self.past.shape[1],
            "past_codes": self.past_codes.shape[1],
            "known": self.known.shape[1],
            "known_codes": self.known_codes.shape[1],
            "future": self.known.shape[1] + 1,
            "future_codes": self.known_codes.shape[1],
            "static": self.static.shape[1],
            "static_codes": self.static_codes.shape[1],
            "channel": 0 if self.joint or self.num_targets == 1 else 1,
        }

    def gather(
        self, origins: Tensor, channels: Tensor | None, *, context: int, horizon: int, padded: int
    ) -> dict[str, Tensor]:
        """Windows at `origins` (B,) with whole horizons, of the targets `channels` (B,) unless joint.

        Gives the network's inputs, and "truth" and "truth_observed" (B, horizon, C or 1). "future" begins with the
        share of the horizon that has passed, so that it is never empty; it has `padded` >= horizon steps, those
        past the end of the series repeating its last row.
        """
        series = torch.searchsorted(self.offsets, origins, right=True) - 1
        rows = origins[:, None] + torch.arange(-context, padded)  # (B, T + padded)
        start, end = self.offsets[series][:, None], self.offsets[series + 1][:, None]
        inside = rows[:, :context] >= start
        rows = torch.minimum(torch.maximum(rows, start), end - 1)
        past, ahead = rows[:, :context], rows[:, context:]
        values, seen, since = self._of_targets(past, channels)
        seen = seen * inside[..., None]
        entry = self._first[series] + self._moves[series] * (origins - self.offsets[series])
        centre, scale = self.centre[entry], self.scale[entry]
        if not self.joint:
            assert channels is not None
            centre, scale = centre.gather(1, channels[:, None]), scale.gather(1, channels[:, None])
        progress = (torch.arange(1, padded + 1) / horizon).expand(len(origins), -1)[..., None]
        truth, truth_observed, _ = self._of_targets(ahead[:, :horizon], channels)
        return {
            "target": values * seen,
            "observed": seen,
            "since": since,
            "centre": centre[:, None],
            "scale": scale[:, None],
            "past": self.past[past],
            "past_codes": self.past_codes[past],
            "known": self.known[past],
            "known_codes": self.known_codes[past],
            "future": torch.cat([progress, self.known[ahead]], dim=-1),
            "future_codes": self.known_codes[ahead],
            "static": self.static[series],
            "static_codes": self.static_codes[series],
            "channel": torch.zeros_like(origins)[:, None] if channels is None else channels[:, None],
            "truth": truth,
            "truth_observed": truth_observed,
        }

    def _of_targets(self, rows: Tensor, channels: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if self.joint:
            return self.target[rows], self.observed[rows], self.since[rows]
        assert channels is not None
        flat = (rows * self.num_targets + channels[:, None])[..., None]
        return self.target.view(-1)[flat], self.observed.view(-1)[flat], self.since.view(-1)[flat]


def times_since_observed(panel: Panel, since: np.ndarray) -> np.ndarray:
    """Microseconds from the last observation before each row to that row, (N, C) float32, for uneven spacing.

    `since` (N, C) counts the rows since the last observation at or before each row. Before the first observation, and
    at it, it is the time since the series began.
    """
    time = panel.time.astype("datetime64[us]").astype(np.int64)
    rows = np.arange(panel.num_rows)[:, None]
    start = np.repeat(panel.offsets[:-1], panel.lengths)[:, None]
    before = np.concatenate([np.zeros((1, since.shape[1])), since[:-1]]).astype(np.int64)
    last = np.maximum(rows - 1 - before, start)
    last = np.where(rows == start, start, last)
    return (time[rows] - time[last]).astype(np.float32)
