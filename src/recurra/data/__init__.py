"""Tables to tensors."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.data._columns import Columns
    from recurra.data._frequency import describe_frequency
    from recurra.data._future import extend, last_observed
    from recurra.data._panel import Panel, Schema
    from recurra.data._preparation import Preparation, fit_preparation
    from recurra.data._reading import read_panel
    from recurra.data._series import CarriedSeries, carried, carried_path
    from recurra.data._windows import Windows

__all__ = [
    "CarriedSeries",
    "Columns",
    "Panel",
    "Preparation",
    "Schema",
    "Windows",
    "carried",
    "carried_path",
    "describe_frequency",
    "extend",
    "fit_preparation",
    "last_observed",
    "read_panel",
]

# The names are imported when they are asked for: a flag's help must not load polars or torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "CarriedSeries": "recurra.data._series",
        "Columns": "recurra.data._columns",
        "Panel": "recurra.data._panel",
        "Preparation": "recurra.data._preparation",
        "Schema": "recurra.data._panel",
        "describe_frequency": "recurra.data._frequency",
        "extend": "recurra.data._future",
        "last_observed": "recurra.data._future",
        "read_panel": "recurra.data._reading",
        "carried": "recurra.data._series",
        "Windows": "recurra.data._windows",
        "carried_path": "recurra.data._series",
        "fit_preparation": "recurra.data._preparation",
    },
)
