from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from recurra.errors import DataError

_FOLDER = Path(__file__).parent / "series"


@dataclass(frozen=True)
class CarriedSeries:
    """A real series that comes with recurra; `series/SOURCES.md` says more about each."""

    name: str
    description: str
    source: str
    target: tuple[str, ...]  # the columns that one would forecast
    time: str

    @property
    def path(self) -> Path:
        """The CSV file, as installed; write to a copy."""
        return _FOLDER / f"{self.name}.csv"


def carried() -> tuple[CarriedSeries, ...]:
    """The series that come with recurra, for a first try without data of one's own."""
    return (
        CarriedSeries(
            name="sunspots",
            description="Monthly mean sunspot numbers, 1749 to 1983; a cycle lasts about 11 years.",
            source="Swiss Federal Observatory, Zurich; from 1960 Tokyo Astronomical Observatory.",
            target=("sunspots",),
            time="month",
        ),
        CarriedSeries(
            name="temperature",
            description="Daily highest and lowest temperature in °C, Clemson (South Carolina), 2001 to 2020; has gaps.",
            source="NOAA, Global Historical Climatology Network, station USC00381770.",
            target=("temperature_max", "temperature_min"),
            time="date",
        ),
    )


def carried_path(name: str) -> Path:
    """The CSV file of the carried series `name`."""
    paths = {series.name: series.path for series in carried()}
    if name not in paths:
        near = difflib.get_close_matches(name, paths, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Give one of these names, or the path of your own file."
        raise DataError(f"recurra carries no series called {name!r}; it carries {', '.join(paths)}. {hint}")
    return paths[name]
