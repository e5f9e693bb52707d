// The witness itself: against numbers worked out by hand, and its gradients against differences of its own outputs.

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

bool near(double one, double other) {
    return std::abs(one - other) < 1e-6;
}

// One unit, one row, one step, x = 0: what is inside a gate is its bias.
struct Unit {
    std::array<float, 4> w_ih{};
    std::array<float, 4> w_hh{};
    std::array<float, 4> b_ih{};
    std::array<float, 4> b_hh{};
    std::array<float, 3> peephole{};
    float x = 0;
    float h0 = 0.5F;
    float c0 = 2;
};

naive::Outputs one_step(Cell cell, const Unit& unit) {
    return naive::forward({.layer = {.cell = cell, .features = 1, .hidden = 1},
                           .steps = {.time = 1, .rows = 1, .lengths = {}, .batch_sizes = {}, .resets = {}},
                           .weights = {.w_ih = unit.w_ih.data(),
                                       .w_hh = unit.w_hh.data(),
                                       .b_ih = unit.b_ih.data(),
                                       .b_hh = unit.b_hh.data(),
                                       .peephole = unit.peephole.data()},
                           .x = {.data = &unit.x},
                           .h0 = &unit.h0,
                           .c0 = &unit.c0,
                           .out = {}});
}

constexpr float kShut = -1000;  // what makes a sigmoid 0
constexpr float kOpen = 1000;   // and what makes it 1

void simple_network_by_hand() {
    const Unit unit{.w_ih = {2}, .w_hh = {4}, .b_ih = {-1}, .b_hh = {-4}, .x = 1.5F, .h0 = 0.75F};  // a = 3 - 1 + 3 - 4
    EXPECT(near(one_step(Cell::kRnnTanh, unit).out[0], std::tanh(1.0)));
    EXPECT(near(one_step(Cell::kRnnRelu, unit).out[0], 1));
    const Unit below{.b_ih = {-1}};
    EXPECT(one_step(Cell::kRnnRelu, below).out[0] == 0);
}

void gates_of_lstm_by_hand() {
    const float ln3 = std::numbers::ln2_v<float> * 1.5849625F;  // sigmoid(ln 3) = 3/4
    for (const Cell cell : {Cell::kLstm, Cell::kPeepholeLstm}) {
        const naive::Outputs keeps = one_step(cell, {.b_ih = {kShut, kOpen, 5, kOpen}});
        EXPECT(near(keeps.c_n[0], 2) && near(keeps.h_n[0], std::tanh(2.0)));
        const naive::Outputs writes = one_step(cell, {.b_ih = {ln3, kShut, 0.5F, kOpen}});
        EXPECT(near(writes.c_n[0], 0.75 * std::tanh(0.5)) && near(writes.h_n[0], std::tanh(writes.c_n[0])));
        const naive::Outputs hides = one_step(cell, {.b_ih = {kShut, ln3, 0, kShut}});
        EXPECT(near(hides.c_n[0], 1.5) && near(hides.h_n[0], 0));
        EXPECT(near(one_step(cell, {.b_hh = {kOpen, kOpen, kOpen, 0}}).c_n[0], 3));
    }
}

// i and f see the memory before the step (2), o the memory after it.
void peepholes_by_hand() {
    const float ln3 = std::numbers::ln2_v<float> * 1.5849625F;
    const Cell cell = Cell::kPeepholeLstm;
    EXPECT(near(one_step(cell, {.b_ih = {0, kShut, kOpen}, .peephole = {ln3 / 2}}).c_n[0], 0.75));
    EXPECT(near(one_step(cell, {.b_ih = {kShut}, .peephole = {0, ln3 / 2}}).c_n[0], 1.5));
    const naive::Outputs shown = one_step(cell, {.b_ih = {kOpen, kShut, kOpen}, .peephole = {0, 0, ln3}});
    EXPECT(near(shown.c_n[0], 1) && near(shown.h_n[0], 0.75 * std::tanh(1.0)));
}

void gru_by_hand() {
    for (const Cell cell : {Cell::kGruResetAfter, Cell::kGruResetBefore}) {
        EXPECT(near(one_step(cell, {.b_ih = {0, kOpen, 1}}).h_n[0], 0.5));  // z = 1 keeps
        EXPECT(near(one_step(cell, {.w_hh = {0, 0, 2}, .b_hh = {kOpen, kShut, 0.25F}}).h_n[0], std::tanh(1.25)));
    }
    // r = 0: resetting after the product shuts out b_hn too, resetting before it doesn't.
    const Unit shut{.w_hh = {0, 0, 2}, .b_ih = {kShut, kShut, 0.5F}, .b_hh = {0, 0, 0.25F}};
    EXPECT(near(one_step(Cell::kGruResetAfter, shut).h_n[0], std::tanh(0.5)));
    EXPECT(near(one_step(Cell::kGruResetBefore, shut).h_n[0], std::tanh(0.75)));
}

double loss(const Problem& p) {
    Results unused;
    const naive::Outputs made = naive::forward(forward_call(p, unused, {.trains = false}));
    const core::Steps steps = steps_of(p);
    double sum = 0;
    each_step(steps, p.grad_out, [&](std::int64_t t, std::int64_t row, std::int64_t at) {
        for (std::int64_t j = 0; j < p.of.hidden; ++j) {
            sum +=
                double{p.grad_out.buffer.data()[at + j]} * made.out[naive::place_of(steps, t, row) * p.of.hidden + j];
        }
    });
    for (std::size_t i = 0; i < made.h_n.size(); ++i) sum += double{p.grad_h_n.data()[i]} * made.h_n[i];
    for (std::size_t i = 0; i < made.c_n.size() && core::has_memory(p.of.cell); ++i) {
        sum += double{p.grad_c_n.data()[i]} * made.c_n[i];
    }
    return sum;
}

void expect_slope(const Problem& p, float& number, double gradient) {
    constexpr float kStep = 0x1p-12F;
    const float before = number;
    number = before + kStep;
    const double above = number;
    const double loss_above = loss(p);
    number = before - kStep;
    const double slope = (loss_above - loss(p)) / (above - double{number});
    number = before;
    EXPECT(std::abs(slope - gradient) < 1e-5 * (1 + std::abs(gradient)));
}

void expect_slopes(const Problem& p, Buffer& numbers, const naive::Vector& gradient) {
    for (std::size_t i = 0; i < gradient.size(); ++i) expect_slope(p, numbers.data()[i], gradient[i]);
}

void gradients_are_slopes() {
    for (const Cell cell : kCells) {
        for (unsigned form = 0; form < 6; ++form) {
            Case c{.cell = cell, .time = 4, .rows = 3, .features = 2, .hidden = 3};
            c.kind = static_cast<Rows>(form % 3);
            c.resets = form % 2 == 1;
            c.reverse = form >= 3;
            c.seed = 11;
            Problem p = make_problem(c);
            current_case = describe(c);
            const Witness w = witness(p);
            EXPECT(w.outputs.kink > 2e-3);  // differences mean nothing across a kink: take another seed
            expect_slopes(p, p.w_ih, w.gradients.w_ih);
            expect_slopes(p, p.w_hh, w.gradients.w_hh);
            expect_slopes(p, p.b_ih, w.gradients.b_ih);
            expect_slopes(p, p.b_hh, w.gradients.b_hh);
            expect_slopes(p, p.h0, w.gradients.h0);
            if (core::has_memory(cell)) expect_slopes(p, p.c0, w.gradients.c0);
            if (cell == Cell::kPeepholeLstm) expect_slopes(p, p.peephole, w.gradients.peephole);
            each_step(steps_of(p), p.x, [&](std::int64_t t, std::int64_t row, std::int64_t at) {
                for (std::int64_t i = 0; i < c.features; ++i) {
                    expect_slope(p, p.x.buffer.data()[at + i],
                                 w.gradients.x[naive::place_of(steps_of(p), t, row) * c.features + i]);
                }
            });
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(simple_network_by_hand), TEST(gates_of_lstm_by_hand), TEST(peepholes_by_hand), TEST(gru_by_hand),
        TEST(gradients_are_slopes),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
