"""The tensors inside a batch, whatever it is built of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor


def named_tensors(batch: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a batch with the expression that reaches it, e.g. `batch.past['price'][0]`."""
    if isinstance(batch, Tensor):
        yield name, batch
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from named_tensors(value, f"{name}[{key!r}]")
    elif isinstance(batch, tuple) and hasattr(batch, "_fields"):
        for field in getattr(batch, "_fields"):  # noqa: B009 - a plain tuple has none
            yield from named_tensors(getattr(batch, field), f"{name}.{field}")
    elif isinstance(batch, (tuple, list)):
        for index, value in enumerate(batch):
            yield from named_tensors(value, f"{name}[{index}]")
    elif is_dataclass(batch) and not isinstance(batch, type):
        for field in fields(batch):
            yield from named_tensors(getattr(batch, field.name), f"{name}.{field.name}")
