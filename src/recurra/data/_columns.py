from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _split_names(value: Any) -> Any:
    """`"year,month"` and `["year", "month"]` both mean two columns."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(name.strip() for item in value for name in str(item).split(",") if name.strip())
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]


class Columns(BaseModel):
    """Which column of a table plays which part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Names = Field(default=(), description="Column(s) to forecast.")
    time: Names | None = Field(
        default=None,
        description="Column(s) that hold the time, e.g. date or year,month,day,hour. Found by itself when not given; "
        "'none' takes the order of rows.",
    )
    series: Names = Field(default=(), description="Column(s) that tell several series apart, e.g. store,item.")
    known: Names = Field(default=(), description="Columns known for the future too: planned prices, holidays.")
    past: Names | None = Field(
        default=None,
        description="Columns observed only up to now. Default: every other usable column; 'none' takes none.",
    )
    static: Names = Field(default=(), description="Columns that describe a series and never change within it.")
    frequency: str | None = Field(
        default=None, description="Time between rows, e.g. 15min, 1h, 1d, 1w, 1mo. Inferred when not given."
    )
    time_format: str | None = Field(
        default=None, description="How the time is written, e.g. %m/%d/%Y (strptime). Found by itself when not given."
    )
    on_duplicate: Literal["error", "mean", "sum", "first", "last"] = Field(
        default="error", description="What to do with several rows of one series at one time."
    )
