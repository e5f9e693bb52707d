from __future__ import annotations

from typing import Any

import numpy as np


def fit_logistic(features: Any, truth: np.ndarray, **options: Any) -> Any:
    """scikit-learn's logistic regression with these options, fitted to classes (N,), on one thread.

    Its steps add and multiply vectors, in which further threads of BLAS gain nothing; on a busy machine their waiting
    for each other takes ten times as long as the sums.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        return LogisticRegression(**options).fit(features, truth)
