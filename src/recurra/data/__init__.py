"""Tables to tensors."""

from recurra.data._columns import Columns
from recurra.data._panel import Panel, Schema

__all__ = ["Columns", "Panel", "Schema"]
