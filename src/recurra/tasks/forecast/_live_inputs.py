from __future__ import annotations

import math

import numpy as np

from recurra.tasks.forecast._live_frame import Frame
from recurra.tasks.forecast._live_moments import Moments
from recurra.tasks.forecast._live_window import Window


class Inputs:
    """What the network is shown of a series, (B, ...) each: its window, and what holds for all of it.

    B is the number of targets that are forecast by themselves; what they share is repeated for each.
    """

    def __init__(self, frame: Frame, window: Window, series: str) -> None:
        self._frame, self._window, self._moments = frame, window, window.moments
        preparation, taken = frame.preparation, frame.inputs
        place = frame.places.get(series)
        centre = np.zeros(frame.targets) if place is None else np.asarray(preparation.centre[place])
        scale = np.asarray(preparation.typical_scale if place is None else preparation.scale[place])
        self._scales = scale.tolist()
        self._given: dict[str, np.ndarray] = {}
        shape = (frame.rows, 1, frame.targets if frame.chosen.joint else 1)
        if "centre" in taken:
            self._given["centre"] = centre.astype(np.float32).reshape(shape)
        if "scale" in taken:
            self._given["scale"] = scale.astype(np.float32).reshape(shape)
        if "channel" in taken:
            self._given["channel"] = np.arange(frame.rows, dtype=np.float32).reshape(-1, 1)
        if "future" in taken:
            self._given["future"] = self._begun_future()
        if "future_codes" in taken:
            width = window.known_codes.shape[2]
            self._given["future_codes"] = np.zeros((frame.rows, frame.chosen.horizon_padded, width), dtype=np.float32)
        self._own = [name for name in ("target", "observed", "since") if name in {*taken, "target", "observed"}]
        shared = ("past", "past_codes") if self._is_recursive else ("past", "past_codes", "known", "known_codes")
        self._shared = [name for name in shared if name in taken]
        self._ahead = [
            (self._given[name][:, : window.horizon, skipped:], self._given[name][:, window.horizon :, skipped:], array)
            for name, array, skipped in (("future", window.known, 1), ("future_codes", window.known_codes, 0))
            if name in taken and array.shape[2]
        ]
        for name in {"static", "static_codes"} & taken.keys():
            self._given[name] = np.zeros((frame.rows, taken[name]), dtype=np.float32)
        self.static_values = (math.nan,) * len(preparation.table.static)
        self.static_codes = (0,) * len(preparation.table.static_categories)
        self.set_static(self.static_values, self.static_codes)

    def now(self) -> dict[str, np.ndarray]:
        """The inputs as the window stands; views that hold until its next row."""
        given, window = dict(self._given), self._window
        start, end = self.refresh(), window.end
        single = self._frame.rows == 1
        for name in self._own:
            view = getattr(window, name)[:, start:end]
            given[name] = view if single else np.ascontiguousarray(view)
        for name in self._shared:
            given[name] = self._repeated(getattr(window, name)[:, start:end])
        if self._is_recursive:
            # Those of the step ahead are known at each step.
            given["known"] = self._repeated(window.known[:, start + 1 : end + window.horizon])
            given["known_codes"] = self._repeated(window.known_codes[:, start + 1 : end + window.horizon])
        return given

    def arrays(self) -> dict[str, tuple[np.ndarray, bool]]:
        """The arrays that a direct decoder's inputs lie in, and which of them the window moves along.

        They stay the same arrays; `refresh` brings those up to date that the window doesn't write.
        """
        moving = {name: (getattr(self._window, name), True) for name in (*self._own, *self._shared)}
        return {name: (array, False) for name, array in self._given.items()} | moving

    def refresh(self) -> int:
        """Bring up to date what is known ahead and of the series as a whole; where in its arrays the window begins."""
        window = self._window
        end, horizon = window.end, window.horizon
        for to, beyond, known in self._ahead:
            to[:] = known[:, end : end + horizon]
            if beyond.size:
                beyond[:] = known[:, end + horizon - 1 : end + horizon]
        if self._moments is not None:
            self._measure(self._moments)
        return end - window.context

    def set_static(self, values: tuple[float, ...], codes: tuple[int, ...]) -> None:
        """Settle what describes the series."""
        self.static_values, self.static_codes = values, codes
        if "static" in self._frame.inputs:
            self._given["static"][:] = self._frame.static.apply(values)
        if "static_codes" in self._frame.inputs:
            self._given["static_codes"][:] = codes

    def scales(self) -> list[float]:
        """The scale of each target of the series."""
        if self._moments is None:
            return self._scales
        return self._moments.scale(self._frame.preparation.typical_scale)

    @property
    def _is_recursive(self) -> bool:
        return self._frame.chosen.decoder == "recursive"

    def _begun_future(self) -> np.ndarray:
        chosen = self._frame.chosen
        width = 1 + self._window.known.shape[2]
        future = np.zeros((self._frame.rows, chosen.horizon_padded, width), dtype=np.float32)
        future[..., 0] = np.arange(1, chosen.horizon_padded + 1, dtype=np.float32) / np.float32(chosen.horizon)
        return future

    def _repeated(self, array: np.ndarray) -> np.ndarray:
        return array if self._frame.rows == 1 else array.repeat(self._frame.rows, axis=0)

    def _measure(self, moments: Moments) -> None:
        for name, values in (("centre", moments.centre()), ("scale", self.scales())):
            if name in self._given:
                self._given[name][:] = np.asarray(values).reshape(self._given[name].shape)
