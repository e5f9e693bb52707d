"""The compiled part of recurra. Only recurra.ops talks to it."""

import numpy as np
from numpy.typing import NDArray

def cpu_features() -> dict[str, bool]: ...
def steps_since_observed(values: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]: ...
