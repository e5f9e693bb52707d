from __future__ import annotations

from typing import Literal, get_args

Format = Literal["onnx", "torch"]
FORMATS: tuple[Format, ...] = get_args(Format)
