from __future__ import annotations

import numpy as np

CALENDAR = ("time of day", "day of week", "day of month", "day of year")
_PERIODS = {"time of day": 24 * 3600.0, "day of week": 7.0, "day of month": 31.0, "day of year": 365.2425}


def choose_calendar(time: np.ndarray, offsets: np.ndarray) -> tuple[str, ...]:
    """The calendar cycles worth showing to a network: those that the steps resolve and the rows cover at least twice.

    `time` is (N,) datetime64 or row numbers (which have no calendar), `offsets` (S + 1,) bounds the series.
    """
    if not np.issubdtype(time.dtype, np.datetime64) or len(time) < 3:
        return ()
    seconds = time.astype("datetime64[s]").astype(np.int64)
    steps = np.diff(seconds)
    inside = np.ones(len(steps), dtype=bool)
    inside[offsets[(offsets > 0) & (offsets < len(time))] - 1] = False
    steps = steps[inside & (steps > 0)]
    if not len(steps):
        return ()
    step, span = float(np.median(steps)), float(seconds.max() - seconds.min())
    day = 86_400.0
    cycles = {
        "time of day": step < day and span >= 2 * day,
        "day of week": step <= day and span >= 14 * day,
        "day of year": step <= 32 * day and span >= 730 * day,
    }
    return tuple(name for name in CALENDAR if cycles.get(name, False))


def calendar_features(time: np.ndarray, names: tuple[str, ...], time_zone: str | None = None) -> np.ndarray:
    """Sine and cosine of each named cycle in the wall clock of `time_zone`, (N, 2 * len(names)) float32."""
    if not names:
        return np.zeros((len(time), 0), dtype=np.float32)
    local = _wall_clock(time, time_zone).astype("datetime64[s]")
    days = local.astype("datetime64[D]")
    seconds = (local - days).astype(np.int64)
    fraction = seconds / 86_400
    columns: list[np.ndarray] = []
    for name in names:
        if name == "time of day":
            turn = fraction
        elif name == "day of week":
            turn = ((days.astype(np.int64) + 3) % 7) / 7  # 1970-01-01 was a Thursday; Monday is 0
        elif name == "day of month":
            turn = (days - days.astype("datetime64[M]")).astype(np.int64) / _PERIODS[name]
        else:
            turn = (days - days.astype("datetime64[Y]")).astype(np.int64) / _PERIODS[name]
        columns += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
    return np.stack(columns, axis=1).astype(np.float32)


def _wall_clock(time: np.ndarray, time_zone: str | None) -> np.ndarray:
    if time_zone is None or time_zone == "UTC":
        return time
    import polars as pl

    return (
        pl.Series(time)
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(time_zone)
        .dt.replace_time_zone(None)
        .to_numpy()
    )
