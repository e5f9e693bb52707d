from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from recurra.evaluate import fit_logistic


def pools() -> set[int]:
    """Threads of each BLAS that is loaded."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_a_regression_takes_one_thread_and_gives_the_others_back(monkeypatch):
    seen = []

    def fit(self, features, truth):
        seen.append(pools())
        return self

    with threadpool_limits(2, user_api="blas"):
        monkeypatch.setattr(LogisticRegression, "fit", fit)
        fit_logistic(np.eye(2), np.arange(2))
        assert seen == [{1}]
        assert pools() == {2}


def test_it_is_the_regression_of_scikit_learn():
    features, truth = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    found = fit_logistic(features, truth, C=4.0)
    np.testing.assert_allclose(found.coef_, LogisticRegression(C=4.0).fit(features, truth).coef_, rtol=1e-6)
