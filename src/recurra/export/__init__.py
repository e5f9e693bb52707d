"""Trained networks for other runtimes: ONNX and plain torch, checked against our own output before they are kept."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.export._export import Exported, export
    from recurra.export._formats import FORMATS

__all__ = ["FORMATS", "Exported", "export"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FORMATS": "recurra.export._formats",
        "Exported": "recurra.export._export",
        "export": "recurra.export._export",
    },
)
