"""Two steps of one unit, worked on paper.

The inputs are chosen so that every gate is a fraction: sigmoid(ln 3) = 3/4, sigmoid(-ln 2) = 1/3, tanh(ln 2) = 3/5,
tanh(ln 3) = 4/5. Cells with several gates read one feature a gate (W is the identity), so dL/dx is what reaches the
inside of each gate. The loss is always h_1 + 2 h_2 + 3 h_T, and + 4 c_T for an LSTM: it asks 1 of h_1 and 5 of h_2.
"""

from __future__ import annotations

from math import atanh, log

import torch

from cases.tolerances import assert_close
from recurra import reference
from recurra.reference import GRUState, LSTMState, PeepholeWeights, RNNState, Weights

LN2, LN3 = log(2), log(3)


def tensor(*numbers: object) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


ASKED_OF_H = tensor([[0.0], [1.0], [5.0]])


def test_rnn():
    x = tensor([[LN2 - 0.3], [LN3 - 0.5]])
    weights = Weights(tensor([1.0]), tensor([0.5]), tensor(0.25), tensor(-0.05))
    # a_1 = x_1 + 0.25 + 0.5 · 0.2 - 0.05 = ln 2, a_2 = x_2 + 0.25 + 0.5 · 0.6 - 0.05 = ln 3
    _, end, tape = reference.rnn("tanh").run(x, RNNState(tensor([0.2])), weights)
    assert_close(tape.states.h, tensor([[0.2], [0.6], [0.8]]), "by hand")
    assert_close(end.h, tensor([0.8]), "by hand")

    gradients = reference.rnn("tanh").backward(tape, weights, RNNState(ASKED_OF_H))
    # δa_2 = 5 · (1 - 0.64) = 1.8, δh_1 = 1 + 0.5 · 1.8 = 1.9, δa_1 = 1.9 · (1 - 0.36) = 1.216, δh_0 = 0.608
    assert_close(gradients.x, tensor([[1.216], [1.8]]), "by hand")
    assert_close(gradients.states.h, tensor([[0.608], [1.9], [5.0]]), "by hand")
    assert_close(gradients.weights.weight_ih, tensor([1.216 * (LN2 - 0.3) + 1.8 * (LN3 - 0.5)]), "by hand")
    # 1.216 · 0.2 + 1.8 · 0.6
    assert_close(gradients.weights.weight_hh, tensor([1.3232]), "by hand")
    assert_close(gradients.weights.bias_ih, tensor(3.016), "by hand")
    assert_close(gradients.weights.bias_hh, tensor(3.016), "by hand")


# i, f, g, o of both LSTMs: step 1 has 1/2, 1/4, 3/5, 3/4; step 2 has 3/4, 1/2, 2/3 ln 2, 1/3.
#   c_0 = 4 ln 2 - 1.2, c_1 = c_0 / 4 + 0.3 = ln 2, c_2 = ln 2 / 2 + ln 2 / 2 = ln 2, so tanh(c_1) = tanh(c_2) = 0.6
#   h_0 = 0.2, h_1 = 0.75 · 0.6 = 0.45, h_2 = 0.6 / 3 = 0.2
INSIDE = ((0.0, -LN3, LN2, LN3), (LN3, 0.0, atanh(2 / 3 * LN2), -LN2))
C0 = 4 * LN2 - 1.2
H0, H1 = 0.2, 0.45
U = (0.5, -1.0, 1.0, 0.25)
BIAS_IH = (0.1, 0.2, -0.3, 0.4)
BIAS_HH = (-0.2, 0.3, 0.5, -0.1)
BIAS = (-0.1, 0.5, 0.2, 0.3)
LSTM_STATES = LSTMState(h=tensor([[H0], [H1], [0.2]]), c=tensor([[C0], [LN2], [LN2]]))
ASKED_OF_LSTM = LSTMState(h=ASKED_OF_H, c=tensor([[0.0], [0.0], [4.0]]))


def test_lstm():
    x = tensor(
        [
            [a - b - u * h for a, b, u in zip(inside, BIAS, U, strict=True)]
            for inside, h in zip(INSIDE, (H0, H1), strict=True)
        ]
    )
    weights = Weights(torch.eye(4, dtype=torch.float64), tensor(*([u] for u in U)), tensor(*BIAS_IH), tensor(*BIAS_HH))
    _, end, tape = reference.LSTM.run(x, LSTMState(h=tensor([H0]), c=tensor([C0])), weights)
    assert_close(tape.states, LSTM_STATES, "by hand")
    assert_close(end, LSTMState(h=tensor([0.2]), c=tensor([LN2])), "by hand")

    gradients = reference.LSTM.backward(tape, weights, ASKED_OF_LSTM)
    # Step 2: δc_2 = 4 + 5 · 1/3 · (1 - 0.36) = 76/15
    #   δi = 76/15 · 2/3 ln 2 · 3/16 = 19/30 ln 2    δf = 76/15 · ln 2 · 1/4 = 19/15 ln 2
    #   δg = 76/15 · 3/4 · (1 - 4/9 ln² 2)           δo = 5 · 0.6 · 2/9 = 2/3
    delta_2 = (19 / 30 * LN2, 19 / 15 * LN2, 3.8 * (1 - 4 / 9 * LN2**2), 2 / 3)
    # Step 1: δh_1 = 1 + 0.5 δi - δf + δg + 0.25 δo = 3.49674…
    h1 = 1 - 0.95 * LN2 + 3.8 * (1 - 4 / 9 * LN2**2) + 1 / 6
    assert abs(h1 - 3.496745) < 1e-5
    # δc_1 = δh_1 · 0.75 · 0.64 + 76/15 · 1/2
    c1 = 0.48 * h1 + 38 / 15
    delta_1 = (c1 * 0.6 / 4, c1 * C0 * 3 / 16, c1 / 2 * 0.64, h1 * 0.6 * 3 / 16)
    h0 = 0.5 * delta_1[0] - delta_1[1] + delta_1[2] + 0.25 * delta_1[3]
    check_lstm(
        gradients, x, delta_1, delta_2, LSTMState(tensor([[h0], [h1], [5.0]]), tensor([[c1 / 4], [c1], [76 / 15]]))
    )


def test_peephole_lstm():
    p_i, p_f, p_o = 0.5, -0.5, 0.6
    # The inputs also make up for what the gates see of the memory: i and f of the one before, o of the one after.
    seen = ((p_i * C0, p_f * C0, 0.0, p_o * LN2), (p_i * LN2, p_f * LN2, 0.0, p_o * LN2))
    x = tensor(
        [
            [a - b - u * h - s for a, b, u, s in zip(inside, BIAS, U, peeped, strict=True)]
            for inside, h, peeped in zip(INSIDE, (H0, H1), seen, strict=True)
        ]
    )
    weights = PeepholeWeights(
        torch.eye(4, dtype=torch.float64),
        tensor(*([u] for u in U)),
        tensor(*BIAS_IH),
        tensor(*BIAS_HH),
        tensor(p_i, p_f, p_o),
    )
    _, end, tape = reference.PEEPHOLE_LSTM.run(x, LSTMState(h=tensor([H0]), c=tensor([C0])), weights)
    assert_close(tape.states, LSTM_STATES, "by hand")
    assert_close(end, LSTMState(h=tensor([0.2]), c=tensor([LN2])), "by hand")

    gradients = reference.PEEPHOLE_LSTM.backward(tape, weights, ASKED_OF_LSTM)
    # Step 2: δo = 2/3 as without peepholes, δc_2 = 76/15 + 0.6 · 2/3 = 82/15, the rest in proportion.
    i2, f2, g2, o2 = 41 / 60 * LN2, 41 / 30 * LN2, 4.1 * (1 - 4 / 9 * LN2**2), 2 / 3
    h1 = 1 + 0.5 * i2 - f2 + g2 + 0.25 * o2
    # Step 1: δo = δh_1 · 0.6 · 3/16, δc_1 = δh_1 · 0.48 + 0.6 δo + 82/15 · 1/2 + 0.5 δi_2 - 0.5 δf_2
    o1 = h1 * 0.1125
    c1 = 0.48 * h1 + 0.6 * o1 + 41 / 15 + 0.5 * i2 - 0.5 * f2
    i1, f1, g1 = c1 * 0.15, c1 * C0 * 3 / 16, c1 * 0.32
    h0 = 0.5 * i1 - f1 + g1 + 0.25 * o1
    c0 = c1 / 4 + 0.5 * i1 - 0.5 * f1
    states = LSTMState(tensor([[h0], [h1], [5.0]]), tensor([[c0], [c1], [82 / 15]]))
    check_lstm(gradients, x, (i1, f1, g1, o1), (i2, f2, g2, o2), states)
    peephole = tensor(i1 * C0 + i2 * LN2, f1 * C0 + f2 * LN2, (o1 + o2) * LN2)
    assert_close(gradients.weights.weight_peephole, peephole, "by hand")


def check_lstm(
    gradients: reference.Gradients,
    x: torch.Tensor,
    delta_1: tuple[float, ...],
    delta_2: tuple[float, ...],
    states: LSTMState,
) -> None:
    assert_close(gradients.x, tensor([delta_1, delta_2]), "by hand")
    assert_close(gradients.states, states, "by hand")
    one, two = torch.tensor([delta_1, delta_2], dtype=torch.float64)
    assert_close(gradients.weights.weight_ih, torch.outer(one, x[0, 0]) + torch.outer(two, x[0, 1]), "by hand")
    assert_close(gradients.weights.weight_hh, (one * H0 + two * H1)[:, None], "by hand")
    assert_close(gradients.weights.bias_ih, one + two, "by hand")
    assert_close(gradients.weights.bias_hh, one + two, "by hand")


# Both GRUs: r, z, n of step 1 are 1/4, 1/2, 3/5 and of step 2 1/2, 1/4, 4/5.
#   h_0 = 0.5, h_1 = 0.5 · 0.6 + 0.5 · 0.5 = 0.55, h_2 = 0.75 · 0.8 + 0.25 · 0.55 = 0.7375
GRU_INSIDE = ((-LN3, 0.0, LN2), (0.0, -LN3, LN3))
GRU_STATES = GRUState(tensor([[0.5], [0.55], [0.7375]]))
GRU_WEIGHTS = Weights(
    torch.eye(3, dtype=torch.float64), tensor([1.0], [-1.0], [2.0]), tensor(0.1, 0.2, 0.3), tensor(0.4, -0.3, -0.5)
)


def test_gru_reset_after():
    # q_1 = 2 · 0.5 - 0.5 = 0.5 and q_2 = 2 · 0.55 - 0.5 = 0.6, so the candidate sees r q = 0.125 and 0.3.
    (r1, z1, n1), (r2, z2, n2) = GRU_INSIDE
    x = tensor(
        [
            [r1 - 0.1 - 0.5 - 0.4, z1 - 0.2 + 0.5 + 0.3, n1 - 0.3 - 0.125],
            [r2 - 0.1 - 0.55 - 0.4, z2 - 0.2 + 0.55 + 0.3, n2 - 0.3 - 0.3],
        ]
    )
    _, end, tape = reference.GRU_RESET_AFTER.run(x, GRUState(tensor([0.5])), GRU_WEIGHTS)
    assert_close(tape.states, GRU_STATES, "by hand")
    assert_close(end.h, tensor([0.7375]), "by hand")
    assert_close(tape.steps.gates.q, tensor([[0.5], [0.6]]), "by hand")

    gradients = reference.GRU_RESET_AFTER.backward(tape, GRU_WEIGHTS, GRUState(ASKED_OF_H))
    # Step 2: δn = 5 · 0.75 · 0.36 = 1.35, δz = 5 · (0.55 - 0.8) · 3/16 = -0.234375, δr = 1.35 · 0.6 / 4 = 0.2025,
    #   δq = 1.35 / 2 = 0.675, δh_1 = 1 + 5 / 4 + 0.2025 + 0.234375 + 2 · 0.675 = 4.036875
    # Step 1: δn = 4.036875 · 0.5 · 0.64 = 1.2918, δz = 4.036875 · (0.5 - 0.6) / 4 = -0.100921875,
    #   δr = 1.2918 · 0.5 · 3/16 = 0.12110625, δq = 1.2918 / 4 = 0.32295,
    #   δh_0 = 4.036875 / 2 + 0.12110625 + 0.100921875 + 2 · 0.32295 = 2.886365625
    assert_close(gradients.x, tensor([[0.12110625, -0.100921875, 1.2918], [0.2025, -0.234375, 1.35]]), "by hand")
    assert_close(gradients.states.h, tensor([[2.886365625], [4.036875], [5.0]]), "by hand")
    assert_close(gradients.weights.bias_ih, tensor(0.32360625, -0.335296875, 2.6418), "by hand")
    assert_close(gradients.weights.bias_hh, tensor(0.32360625, -0.335296875, 0.99795), "by hand")
    # δr, δz, δq of step 1 times h_0 = 0.5, of step 2 times h_1 = 0.55
    assert_close(gradients.weights.weight_hh, tensor([0.171928125], [-0.1793671875], [0.532725]), "by hand")
    one, two = gradients.x[0]
    assert_close(gradients.weights.weight_ih, torch.outer(one, x[0, 0]) + torch.outer(two, x[0, 1]), "by hand")


def test_gru_reset_before():
    # s_1 = 0.5 / 4 = 0.125 and s_2 = 0.55 / 2 = 0.275; the candidate sees 2 s - 0.5 = -0.25 and 0.05.
    (r1, z1, n1), (r2, z2, n2) = GRU_INSIDE
    x = tensor(
        [
            [r1 - 0.1 - 0.5 - 0.4, z1 - 0.2 + 0.5 + 0.3, n1 - 0.3 + 0.25],
            [r2 - 0.1 - 0.55 - 0.4, z2 - 0.2 + 0.55 + 0.3, n2 - 0.3 - 0.05],
        ]
    )
    _, end, tape = reference.GRU_RESET_BEFORE.run(x, GRUState(tensor([0.5])), GRU_WEIGHTS)
    assert_close(tape.states, GRU_STATES, "by hand")
    assert_close(end.h, tensor([0.7375]), "by hand")

    gradients = reference.GRU_RESET_BEFORE.backward(tape, GRU_WEIGHTS, GRUState(ASKED_OF_H))
    # Step 2: δn = 1.35 and δz = -0.234375 as in the other form; δs = 2 · 1.35 = 2.7, δr = 2.7 · 0.55 / 4 = 0.37125,
    #   δh_1 = 1 + 5 / 4 + 0.37125 + 0.234375 + 2.7 / 2 = 4.205625
    # Step 1: δn = 4.205625 · 0.32 = 1.3458, δs = 2.6916, δr = 2.6916 · 0.5 · 3/16 = 0.2523375,
    #   δz = 4.205625 · -0.1 / 4 = -0.105140625,
    #   δh_0 = 4.205625 / 2 + 0.2523375 + 0.105140625 + 2.6916 / 4 = 3.133190625
    assert_close(gradients.x, tensor([[0.2523375, -0.105140625, 1.3458], [0.37125, -0.234375, 1.35]]), "by hand")
    assert_close(gradients.states.h, tensor([[3.133190625], [4.205625], [5.0]]), "by hand")
    assert_close(gradients.weights.bias_ih, tensor(0.6235875, -0.339515625, 2.6958), "by hand")
    assert_close(gradients.weights.bias_hh, tensor(0.6235875, -0.339515625, 2.6958), "by hand")
    # δr and δz times h_0 = 0.5 and h_1 = 0.55, δn times s_1 = 0.125 and s_2 = 0.275
    assert_close(gradients.weights.weight_hh, tensor([0.33035625], [-0.1814765625], [0.539475]), "by hand")
    one, two = gradients.x[0]
    assert_close(gradients.weights.weight_ih, torch.outer(one, x[0, 0]) + torch.outer(two, x[0, 1]), "by hand")
