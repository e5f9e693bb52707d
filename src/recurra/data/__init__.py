"""Tables to tensors."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.data._columns import Columns
    from recurra.data._panel import Panel, Schema
    from recurra.data._series import CarriedSeries, carried, carried_path

__all__ = ["CarriedSeries", "Columns", "Panel", "Schema", "carried", "carried_path"]

# The names are imported when they are asked for: a flag's help must not load polars or torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "CarriedSeries": "recurra.data._series",
        "Columns": "recurra.data._columns",
        "Panel": "recurra.data._panel",
        "Schema": "recurra.data._panel",
        "carried": "recurra.data._series",
        "carried_path": "recurra.data._series",
    },
)
