from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

# Annotations of the mathematical rooms are executed while tests run; elsewhere they cost nothing. Not so those of the
# layers with torch's contract, and of what swaps them in, which must answer a wrong argument with an error of their
# own, nor those of ops, which say no shapes and would stand in a compiler's way.
blocks = Path(__file__).parents[1].joinpath("src", "recurra", "nn").glob("_[!_]*.py")
install_import_hook(
    [
        "recurra.reference",
        *(f"recurra.nn.{file.stem}" for file in blocks if not file.stem.startswith(("_recurrent", "_accelerate"))),
    ],
    "beartype.beartype",
)
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed() -> int:
    """The seed that every test starts from; Python, numpy and torch are already set to it."""
    value = 20
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)
    return value


@pytest.fixture
def data_dir() -> Path:
    """The folder of real data, for tests marked `data`."""
    folder = os.environ.get("RECURRA_DATA_DIR")
    assert folder, "RECURRA_DATA_DIR is not set; set it to the data folder, or deselect with -m 'not data'"
    return Path(folder)
