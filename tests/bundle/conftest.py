from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.bundle import write_bundle

PARTS: dict[str, Any] = {
    "task": "forecast",
    "config": {"target": ["日期"], "hidden_size": 4, "learning_rate": 1e-3, "time": None},
    "network": {"kind": "chain", "blocks": [{"kind": "linear", "size": 4}]},
    "inputs": {"target": ["units"]},
    "data_digest": "0" * 64,
    "weights": {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros((), np.float64)},
    "arrays": {"calibration.safetensors": {"width": np.ones((2, 1), np.float32)}},
    "documents": {"scores.json": '{"mae": 0.1}', "preprocessing.json": "{}", "report.html": "<p>PM2.5 é</p>"},
}


@pytest.fixture(scope="session")
def parts() -> dict[str, Any]:
    """The arguments of a small bundle; the digest of the data looks like the manifest's blank checksum on purpose."""
    return PARTS


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "model", **PARTS)
    return tmp_path / "model"
