from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data._columns import Columns


class Schema(BaseModel):
    """What a table looked like when a model was fitted; kept in the bundle so that new files are read alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Columns  # every part resolved: the time columns that were found, the past columns that were taken
    # How times are written: strptime formats joined by "|"; "iso" for columns of times; "epoch_s" (_ms, _us, _ns);
    # "parts" for year, month, ... in columns of their own; "step" for whole numbers; None for the order of rows.
    # The first and "parts" may end with ", hours 1 to 24".
    time_format: str | None = None
    time_zone: str | None = None
    # A polars duration such as "1h" or "1mo", or "1b" for business days; None for uneven spacing or the order of rows.
    frequency: str | None = None
    target: tuple[str, ...] = ()
    known: tuple[str, ...] = ()  # numeric columns, in the order of Panel.known's last axis
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    known_categories: dict[str, tuple[str, ...]] = {}  # code 0 is "missing or never seen"; code i+1 is entry i
    past_categories: dict[str, tuple[str, ...]] = {}
    static_categories: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, eq=False)
class Panel:
    """Series over the same columns, one after the other in flat arrays, each on its time grid.

    N rows in all, S series; rows of series s are `offsets[s]:offsets[s + 1]`, oldest first. Missing numbers are NaN
    and stay NaN; missing or unseen categories have code 0. `time` is datetime64[us] (UTC where the source had a zone)
    or, without a time column, the int64 row number within the series (or the whole numbers that were given as time).
    """

    series: tuple[str, ...]  # S labels, one "" for a table without series columns
    offsets: np.ndarray  # (S + 1,) int64
    time: np.ndarray  # (N,)
    target: np.ndarray  # (N, C) float32
    known: np.ndarray  # (N, K) float32
    known_codes: np.ndarray  # (N, Kc) int64
    past: np.ndarray  # (N, P) float32
    past_codes: np.ndarray  # (N, Pc) int64
    static: np.ndarray  # (S, A) float32
    static_codes: np.ndarray  # (S, Ac) int64
    schema: Schema
    notes: tuple[str, ...] = field(default=())  # what was found, inferred or mended, one sentence each

    @property
    def num_rows(self) -> int:
        """Rows of all series, those inserted for gaps included."""
        return int(self.offsets[-1])

    @property
    def num_series(self) -> int:
        """How many series there are."""
        return len(self.series)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series, (S,)."""
        return np.diff(self.offsets)
