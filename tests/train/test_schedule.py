from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from recurra.train import learning_rate_at


def rates_of_torch(build, steps: int, peak: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = build(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(rates) < steps else None
    return rates


@pytest.mark.parametrize("steps", [4, 5, 10, 33, 100])
def test_one_cycle_equals_torch(steps):
    expected = rates_of_torch(
        lambda optimizer: OneCycleLR(optimizer, 0.5, total_steps=steps, cycle_momentum=False), steps, 0.5
    )
    found = [learning_rate_at("one-cycle", step, steps=steps, peak=0.5) for step in range(steps)]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [2, 7, 100])
def test_cosine_equals_torch(steps):
    expected = rates_of_torch(lambda optimizer: CosineAnnealingLR(optimizer, steps), steps, 0.5)
    found = [learning_rate_at("cosine", step, steps=steps, peak=0.5) for step in range(steps)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_one_cycle_by_hand():
    # 10 steps: the top is at step 2, the end at step 9.
    rates = [learning_rate_at("one-cycle", step, steps=10, peak=1.0) for step in range(10)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[1] == pytest.approx(0.52)
    assert rates[2] == pytest.approx(1.0)
    assert rates[9] == pytest.approx(4e-6)


def test_exponential_halves_as_zaremba_did():
    rates = [learning_rate_at("exponential", step, steps=13 * 5, peak=1.0, epochs=13) for step in range(13 * 5)]
    expected = [1.0] * 4 + [0.5**power for power in range(1, 10)]
    assert rates == pytest.approx([rate for rate in expected for _ in range(5)])


@pytest.mark.parametrize("epochs", [1, 2, 3, 7])
def test_exponential_with_few_epochs_begins_at_the_peak(epochs):
    rates = [learning_rate_at("exponential", epoch, steps=epochs, peak=0.3, epochs=epochs) for epoch in range(epochs)]
    assert rates[0] == 0.3
    assert rates == sorted(rates, reverse=True)


@settings(deadline=None)
@given(
    schedule=st.sampled_from(["one-cycle", "cosine", "exponential", "constant"]),
    steps=st.integers(1, 400),
    share=st.floats(0, 1),
    peak=st.floats(1e-6, 10),
)
def test_rates_lie_between_zero_and_the_peak(schedule, steps, share, peak):
    step = min(steps - 1, int(share * steps))
    assert 0 < learning_rate_at(schedule, step, steps=steps, peak=peak) <= peak * (1 + 1e-12)


def test_a_single_step_has_the_peak():
    assert {learning_rate_at(name, 0, steps=1, peak=0.3) for name in ("one-cycle", "cosine", "constant")} == {0.3}
