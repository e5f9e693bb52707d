from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recurra.data import Columns, Panel, Schema, read_panel

Read = Callable[..., Panel]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write text or bytes to a file and read it as a panel; further arguments are columns."""

    def write_and_read(
        content: str | bytes,
        *,
        name: str = "table.csv",
        encoding: str = "utf-8",
        schema: Schema | None = None,
        **columns: Any,
    ) -> Panel:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_panel(path, Columns(**columns), schema=schema)

    return write_and_read
