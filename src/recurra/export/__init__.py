"""Trained networks elsewhere and smaller: as ONNX, as plain torch, as int8; checked before they are kept."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.export._compress import Compressed, Task, compress
    from recurra.export._export import Exported, export
    from recurra.export._formats import FORMATS

__all__ = ["FORMATS", "Compressed", "Exported", "Task", "compress", "export"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Compressed": "recurra.export._compress",
        "FORMATS": "recurra.export._formats",
        "Exported": "recurra.export._export",
        "Task": "recurra.export._compress",
        "compress": "recurra.export._compress",
        "export": "recurra.export._export",
    },
)
