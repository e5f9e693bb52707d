from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra.data import Columns, Panel, read_panel

FORMS = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%Y年%m月%d日", "%Y-%m-%dT%H:%M:%SZ"]
VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6, width=32), st.integers(-10000, 10000))


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Some series of days, with gaps, missing values and a category."""
    parts = []
    for name in draw(st.lists(st.sampled_from(["北京", "a b", "x,y", 'q"', "7"]), min_size=1, max_size=3, unique=True)):
        days = sorted(set(range(30)) - draw(st.sets(st.integers(1, 28), max_size=8)))
        count = len(days)
        parts.append(
            pl.DataFrame(
                {
                    "s": [name] * count,
                    "t": np.datetime64("2015-01-05", "us") + np.array(days, "m8[D]"),
                    "y": draw(st.lists(VALUES, min_size=count, max_size=count)),
                    "w": draw(st.lists(st.sampled_from(["u", "v", "晴", None]), min_size=count, max_size=count)),
                },
                schema_overrides={"y": pl.Float64, "t": pl.Datetime("us")},
                strict=False,
            )
        )
    frame = pl.concat(parts)
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(1.5).otherwise("y").alias("y"))


def expected(frame: pl.DataFrame) -> dict[str, dict[np.datetime64, tuple[float, str | None]]]:
    found: dict[str, dict[np.datetime64, tuple[float, str | None]]] = {}
    for name, time, value, word in frame.iter_rows():
        found.setdefault(name, {})[np.datetime64(time, "us")] = (
            float(np.float32(np.nan if value is None else value)),
            word,
        )
    return found


def compare(panel: Panel, frame: pl.DataFrame) -> None:
    wanted = expected(frame)
    assert set(panel.series) == set(wanted)
    words = (None, *panel.schema.known_categories["w"]) if panel.schema.known_categories else (None,)
    for number, name in enumerate(panel.series):
        rows = slice(panel.offsets[number], panel.offsets[number + 1])
        times = panel.time[rows]
        assert (np.diff(times) == np.timedelta64(1, "D")).all()
        assert times[0] == min(wanted[name]) and times[-1] == max(wanted[name])
        codes = panel.known_codes[rows, 0] if panel.known_codes.shape[1] else np.zeros(len(times), int)
        for time, value, code in zip(times, panel.target[rows, 0], codes, strict=True):
            there, word = wanted[name].get(time, (np.nan, None))
            assert value == there or (np.isnan(value) and np.isnan(there))
            assert words[code] == word


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    frame=frames(),
    form=st.sampled_from(FORMS),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    comma=st.booleans(),
    seed=st.integers(0, 999),
)
def test_what_is_written_is_read(
    frame: pl.DataFrame, form: str, delimiter: str, encoding: str, comma: bool, seed: int
) -> None:
    shuffled = frame[random.Random(seed).sample(range(frame.height), frame.height)]
    text = shuffled.write_csv(
        separator=delimiter,
        datetime_format=form,
        decimal_comma=comma and delimiter != ",",
        null_value=random.Random(seed).choice(["", "NA", "null", "-"]),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(text.encode(encoding))
        panel = read_panel(path, Columns(target=("y",), series=("s",), known=("w",), time=("t",)))
    compare(panel, frame)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frame=frames(), seed=st.integers(0, 999))
def test_a_frame_is_read_in_any_order_of_rows(frame: pl.DataFrame, seed: int) -> None:
    shuffled = frame[random.Random(seed).sample(range(frame.height), frame.height)]
    compare(read_panel(shuffled, Columns(target=("y",), series=("s",), known=("w",))), frame)
