from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._samples import Samples


def answer_table(samples: Samples, answers: Answers, probabilities: np.ndarray, *, like: Any) -> Any:
    """What was classified, beside the answers (N, L); a pandas frame where the data were one."""
    columns = answers.columns(probabilities)
    name = answers.column if answers.column not in columns else "text"
    table = pl.DataFrame({name: list(samples.names), **columns})
    if type(like).__module__.split(".")[0] == "pandas":
        return table.to_pandas(use_pyarrow_extension_array=False)
    return table
