"""lightning-fabric, taken for what it knows: number formats and the backward pass under them.

The network isn't wrapped by `Fabric.setup`, and the norm isn't taken by `Fabric.clip_gradients`: on one device both
do the same as plain torch, more slowly. `benchmarks/training_overhead.py` measures it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from recurra.train._config import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def build_fabric(config: TrainingConfig) -> Fabric:
    """A Fabric for one CPU process in the config's precision, without its greeting on stderr."""
    from lightning_fabric import Fabric

    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        return Fabric(accelerator="cpu", devices=1, precision=config.precision)
    finally:
        logger.setLevel(level)
