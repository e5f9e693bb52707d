from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from recurra.data._value import DECIMAL, MISSING, THOUSANDS, UNITS

_DOTTED = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: NaN where missing, and where it holds something else."""

    values: np.ndarray  # (N,) float64
    bad: np.ndarray  # positions of values that are neither numbers nor words for missing
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Numbers among what isn't missing."""
        numbers = int(np.count_nonzero(~np.isnan(self.values)))
        return numbers / (numbers + self.bad.size) if numbers else 0.0


def is_missing(words: pl.Series) -> pl.Series:
    """True where text stands for a missing value: nothing, NA, null, -, ? and their kin."""
    return words.is_null() | words.str.strip_chars().str.to_lowercase().is_in(list(MISSING))


def is_text(column: pl.Series) -> bool:
    """Whether a column holds strings or categories."""
    return column.dtype == pl.String or isinstance(column.dtype, (pl.Categorical, pl.Enum))


def is_numeric(column: pl.Series) -> bool:
    """Whether a column holds numbers or booleans, not as text."""
    return column.dtype.is_numeric() or column.dtype == pl.Boolean or column.dtype == pl.Null


def numbers(column: pl.Series, *, decimal_comma: bool = False) -> Numbers:
    """Read a column as numbers, thousands separators, decimal commas, currency and percent signs included."""
    if is_numeric(column):
        values = column.cast(pl.Float64).to_numpy()
        return Numbers(
            np.where(column.is_null().to_numpy(), np.nan, values) if column.null_count() else values, _none()
        )
    text = column.cast(pl.String)
    values = text.cast(pl.Float64, strict=False)
    if decimal_comma and _is_dotted(text):
        values = text.str.replace_all(".", "", literal=True).cast(pl.Float64, strict=False)
    notes: list[str] = []
    failed = (values.is_null() & text.is_not_null()).arg_true()
    if len(failed):
        words = text.gather(failed).unique()
        readings = _readings(words, text, decimal_comma, column.name, notes)
        replaced = text.gather(failed).replace_strict(
            readings["word"], readings["number"], default=None, return_dtype=pl.Float64
        )
        values = values.scatter(failed, replaced)
        missing = readings.filter(pl.col("missing"))["word"]
        bad = failed.filter(replaced.is_null() & ~text.gather(failed).is_in(missing.implode()))
    else:
        bad = failed
    out = values.to_numpy()
    return Numbers(
        np.nan_to_num(out, nan=np.nan, posinf=np.inf, neginf=-np.inf), bad.to_numpy().astype(np.int64), tuple(notes)
    )


def _readings(words: pl.Series, text: pl.Series, decimal_comma: bool, name: str, notes: list[str]) -> pl.DataFrame:
    """What each word that isn't a plain number means."""
    missing = is_missing(words)
    bare = words.str.replace_all(UNITS, "").str.replace(r"^\+", "")
    signed = bare.str.replace(r"^\((.*)\)$", "-${1}").str.replace("^−", "-")
    commas = signed.filter(signed.str.contains(",", literal=True) & ~missing)
    read = signed
    if len(commas):
        thousands, decimal = commas.str.contains(THOUSANDS), commas.str.contains(DECIMAL)
        if bool(decimal.all()) and (decimal_comma or not thousands.all()):
            grouped = commas.str.contains(".", literal=True).any()
            read = signed.str.replace_all(".", "", literal=True) if grouped else signed
            read = read.str.replace(",", ".", literal=True)
            notes.append(f"{name} is written with decimal commas.")
        else:
            read = pl.select(
                pl.when(signed.str.contains(THOUSANDS))
                .then(signed.str.replace_all(",", "", literal=True))
                .otherwise(signed)
            ).to_series()
            if thousands.any():
                notes.append(f"{name} is written with commas between thousands.")
    number = read.cast(pl.Float64, strict=False)
    understood = words.filter(number.is_not_null())
    if understood.str.contains("%", literal=True).any():
        notes.append(f"{name} is given in percent; 5% is read as 5.")
    return pl.DataFrame({"word": words, "number": number.set(missing, None), "missing": missing})


def _is_dotted(text: pl.Series) -> bool:
    """Whether dots stand between thousands, in a file whose decimal mark is the comma."""
    dotted = text.filter(text.str.contains(".", literal=True) & ~text.str.contains(",", literal=True))
    return bool(len(dotted)) and bool(dotted.str.strip_chars().str.contains(_DOTTED).all())


def _none() -> np.ndarray:
    return np.zeros(0, np.int64)
