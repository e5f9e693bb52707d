from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recurra.data._frequency import describe_frequency
from recurra.data._times import moment
from recurra.data._words import counted, listed


def about_rows(time: np.ndarray, offsets: np.ndarray, frequency: str | None, zone: str | None, *, ordered: bool) -> str:
    """How many rows and series there are, how far apart, from when to when."""
    rows = int(offsets[-1])
    lengths = np.diff(offsets)
    if lengths.size == 1:
        series = "one series"
    elif lengths.min() == lengths.max():
        series = f"{lengths.size:,} series of {lengths[0]:,} rows each"
    else:
        series = f"{lengths.size:,} series of {lengths.min():,} to {lengths.max():,} rows"
    start = f"{counted(rows, 'row')}, {series}"
    if ordered:
        return f"{start}, in the order of rows."
    if not np.issubdtype(time.dtype, np.datetime64):
        return f"{start}, steps {int(time.min())} to {int(time.max())}."
    first, last = (moment(int(value), zone=zone) for value in (time.view(np.int64).min(), time.view(np.int64).max()))
    if first.endswith(" 00:00") and last.endswith(" 00:00"):
        first, last = first[:10], last[:10]
    spacing = f"{describe_frequency(frequency)} " if rows > lengths.size else ""
    return f"{start}, {spacing}from {first} to {last}{f' ({_shown(zone)})' if zone else ''}."


def _shown(zone: str) -> str:
    """A zone as people write it; the database counts Etc/GMT zones the other way round."""
    if not zone.startswith("Etc/GMT"):
        return zone
    hours = -int(zone.removeprefix("Etc/GMT") or 0)
    return f"UTC{hours:+03d}:00"


def about_targets(target: np.ndarray, names: Sequence[str], offsets: np.ndarray) -> list[str]:
    """What is missing of each target, within the rows and after the last one observed."""
    notes = []
    observed = ~np.isnan(target)
    for at, name in enumerate(names):
        count = int(target.shape[0] - observed[:, at].sum())
        if count:
            notes.append(f"{name}: {count:,} of {target.shape[0]:,} values are missing; they are masked, not filled.")
    places = np.where(observed.any(axis=1), np.arange(target.shape[0]), -1)
    last = np.maximum.reduceat(places, offsets[:-1])
    future = int((offsets[1:] - 1 - np.maximum(last, offsets[:-1] - 1)).sum())
    if future:
        notes.append(f"{counted(future, 'row')} after the last observed target: they count as future.")
    return notes


def about_missing(missing: Mapping[str, int], rows: int) -> list[str]:
    """What is missing of the covariates, most first."""
    gone = sorted(((count, name) for name, count in missing.items() if count), key=lambda pair: (-pair[0], pair[1]))
    if not gone:
        return []
    shown = ", ".join(f"{name} {count:,}" for count, name in gone[:5])
    more = f" and {len(gone) - 5} more columns" if len(gone) > 5 else ""
    return [f"Missing values of covariates in {rows:,} rows, masked, not filled: {shown}{more}."]


def about_past(taken: Sequence[str], dropped: Sequence[tuple[str, str]], unchanging: Sequence[str]) -> list[str]:
    """Which columns became past covariates, and which didn't and why."""
    notes = []
    if taken:
        notes.append(f"Past covariates: {listed(taken)}. Those known ahead belong to --known; --past none takes none.")
    if dropped:
        notes.append(f"Left out: {listed([f'{name} ({reason})' for name, reason in dropped])}.")
    if unchanging:
        notes.append(f"{listed(unchanging)} never changes within a series; --static would say so.")
    return notes
