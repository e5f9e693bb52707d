from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, distributed


@pytest.fixture
def words() -> Tensor:
    return torch.randint(11, (9, 5))


@pytest.fixture
def process_group() -> Iterator[None]:
    store = distributed.HashStore()  # pyright: ignore[reportPrivateImportUsage]
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()
