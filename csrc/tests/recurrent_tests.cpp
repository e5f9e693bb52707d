// The kernels against the witness: every cell, every instruction set, odd sizes, every option.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

constexpr std::array<std::int64_t, 9> kSizes = {1, 2, 3, 7, 15, 16, 17, 63, 130};
constexpr std::array<std::int64_t, 4> kFeatures = {1, 2, 13, 64};
constexpr std::array<std::int64_t, 5> kTimes = {0, 1, 2, 9, 50};

std::int64_t work(const Case& c) {
    return c.time * c.rows * core::gates_of(c.cell) * c.hidden * (c.hidden + c.features);
}

// Half of the cases are plain in each respect, so that a failure soon shows what it depends on.
Case draw(Random& random, Cell cell) {
    constexpr std::int64_t kMostWork = 3'000'000;
    Case c{.cell = cell,
           .time = pick(random, kTimes),
           .rows = pick(random, kSizes),
           .features = pick(random, kFeatures),
           .hidden = pick(random, kSizes),
           .kind = pick(random, std::array{Rows::kFull, Rows::kFull, Rows::kLengths, Rows::kPacked}),
           .resets = chance(random, 3),
           .reverse = chance(random, 2),
           .batch_first = chance(random, 2),
           .gap = chance(random, 2) ? 3 : 0,
           .shift = next(random) % 2,
           .nulls = 0,
           .seed = next(random) % 1000};
    for (unsigned bit = 0; bit < kNulls; ++bit) c.nulls |= chance(random, 8) ? 1U << bit : 0;
    while (work(c) > kMostWork && c.time > 2) c.time /= 2;
    while (work(c) > kMostWork && c.rows > 1) c.rows /= 2;
    while (cell == Cell::kRnnRelu && c.time * c.rows * c.hidden > 5000) c.time /= 2;  // kinks, see below
    return c;
}

// Where a relu is nearer to its kink than float32 can tell, its gradient may be either: another seed then.
Problem problem_off_kinks(Case& c, Witness& w) {
    constexpr double kNear = 1e-5;
    constexpr int kTries = 20;
    for (int i = 0; i < kTries; ++i, ++c.seed) {
        Problem p = make_problem(c);
        w = witness(p);
        if (w.outputs.kink > kNear) return p;
    }
    EXPECT(false && "a seed off the kinks");
    return make_problem(c);
}

void expect_all_ways_right(Case c, int threads) {
    Witness w;
    const Problem p = problem_off_kinks(c, w);
    current_case = describe(c);
    each_instruction_set([&] {
        const bool recompute = c.seed % 2 == 1;
        const Results one = run(p, {.threads = 1, .recompute = recompute});
        expect_right(p, one, w, true);
        const Results many = run(p, {.threads = threads, .recompute = recompute});
        expect_right(p, many, w, true);
        expect_same_results(one, many);
        expect_right(p, run(p, {.threads = threads, .recompute = !recompute}), w, true);
        const Results untaped = run(p, {.threads = 1, .trains = false});
        expect_right(p, untaped, w, false);
        expect_same_bits("out without a tape", one.out.buffer.values(), untaped.out.buffer.values());
        expect_same_bits("h_n without a tape", one.h_n.values(), untaped.h_n.values());
        expect_same_bits("c_n without a tape", one.c_n.values(), untaped.c_n.values());
    });
}

void agrees_with_the_witness() {
    constexpr int kCases = 50;
    for (const Cell cell : kCells) {
        Random random{static_cast<std::uint64_t>(cell) + 2026};
        for (int i = 0; i < kCases; ++i) expect_all_ways_right(draw(random, cell), i % 2 == 0 ? 2 : 5);
    }
}

void agrees_where_it_is_large() {
    for (const Cell cell : kCells) {
        const bool kinks = cell == Cell::kRnnRelu;
        expect_all_ways_right(
            {.cell = cell, .time = kinks ? 1 : 2, .rows = kinks ? 33 : 130, .features = 64, .hidden = 130}, 2);
        expect_all_ways_right({.cell = cell, .time = 50, .rows = 1, .features = 13, .hidden = kinks ? 63 : 130}, 2);
    }
}

void each_pointer_may_be_null() {
    for (const Cell cell : kCells) {
        Case c{.cell = cell, .time = 4, .rows = 3, .features = 5, .hidden = 17, .kind = Rows::kLengths};
        for (unsigned bit = 0; bit < kNulls; ++bit) {
            c.nulls = 1U << bit;
            expect_all_ways_right(c, 2);
        }
        for (const unsigned nulls : {kNoGradOut | kNoGradHn | kNoGradCn, kNoGradWIh | kNoGradBIh,
                                     kNoGradWHh | kNoGradBHh, kNoGradX | kNoGradWIh, (1U << kNulls) - 1}) {
            c.nulls = nulls;
            expect_all_ways_right(c, 2);
        }
    }
}

void takes_no_steps_and_no_rows() {
    for (const Cell cell : kCells) {
        for (const Rows kind : {Rows::kFull, Rows::kLengths}) {
            expect_all_ways_right({.cell = cell, .time = 0, .rows = 3, .kind = kind}, 2);
        }
        current_case = std::string("no rows, ") + kCellNames[static_cast<std::size_t>(cell)];
        Case c{.cell = cell};
        Problem p = make_problem(c);
        p.of.rows = 0;
        const Witness w = witness(p);
        each_instruction_set([&] { expect_right(p, run(p, {.threads = 2}), w, true); });
        c.kind = Rows::kLengths;
        p = make_problem(c);
        std::ranges::fill(p.lengths, 0);
        current_case = "all lengths 0, " + describe(c);
        const Witness none = witness(p);
        each_instruction_set([&] { expect_right(p, run(p, {.threads = 2}), none, true); });
    }
}

// What saturates and what overflows, forwards: sigmoid(inf) is 1, tanh(-inf) is -1, and relu leaves inf as it is.
void takes_extreme_inputs() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr std::array kExtremes = {kInfinity, -kInfinity, 3e38F, -3e38F, 100.F, -100.F, 88.5F, -88.5F, 1e-40F, 0.F};
    for (const Cell cell : kCells) {
        const Case c{.cell = cell, .time = 1, .rows = kExtremes.size(), .features = 1, .hidden = 17};
        Problem p = make_problem(c);
        std::ranges::copy(kExtremes, p.x.buffer.data());
        const Witness w = witness(p);
        current_case = "extreme inputs, " + describe(c);
        each_instruction_set([&] {
            const Results r = run(p, {.trains = false});
            for (std::int64_t i = 0; i < c.rows * c.hidden; ++i) {
                const double value = r.h_n.data()[i];
                const double wanted = w.outputs.h_n[i];
                const bool overflows = std::abs(wanted) > std::numeric_limits<float>::max();
                EXPECT(std::abs(value - wanted) <= 1e-5 * std::max(1.0, std::abs(wanted)) || value == wanted ||
                       (overflows && std::isinf(value)));
            }
        });
    }
}

// NaN goes through every nonlinearity, and a reset keeps it from what comes after, as it does its gradient.
void a_reset_stops_nan() {
    for (const Cell cell : kCells) {
        for (const bool reverse : {false, true}) {
            const Case c{
                .cell = cell, .time = 6, .rows = 1, .features = 3, .hidden = 17, .resets = true, .reverse = reverse};
            Problem p = make_problem(c);
            std::ranges::fill(p.resets, 0);
            p.resets[3] = 1;
            current_case = "NaN before a reset, " + describe(c);
            for (const std::int64_t poisoned : {1, 4}) {
                Problem sick = p;
                sick.x.buffer.data()[poisoned * c.features] = kNaN;
                const Witness w = witness(sick);
                EXPECT(std::ranges::any_of(w.outputs.out, [](double v) { return std::isnan(v); }));
                EXPECT(std::ranges::any_of(w.outputs.out, [](double v) { return !std::isnan(v); }));
                each_instruction_set([&] {
                    const bool trains = cell != Cell::kRnnRelu;  // whose slope at NaN nobody has said
                    expect_right(sick, run(sick, {.trains = trains}), w, trains);
                    expect_right(sick, run(sick, {.recompute = true, .trains = trains}), w, trains);
                });
            }
        }
    }
}

void recomputing_needs_less_memory() {
    for (const Cell cell : {Cell::kLstm, Cell::kPeepholeLstm, Cell::kGruResetAfter, Cell::kGruResetBefore}) {
        const core::Layer layer{.cell = cell, .features = 8, .hidden = 64};
        const core::Steps steps{.time = 100, .rows = 16, .lengths = {}, .batch_sizes = {}, .resets = {}};
        EXPECT(core::tape_size(layer, steps, true) < core::tape_size(layer, steps, false));
    }
}

void instruction_sets_are_named() {
    const std::string best = core::instruction_set();
    EXPECT(!core::instruction_sets().empty());
    EXPECT(!core::use_instruction_set("abacus"));
    EXPECT(!core::use_instruction_set(""));
    EXPECT(core::instruction_set() == best);
    for (const char* name : core::instruction_sets()) {
        EXPECT(core::use_instruction_set(name));
        EXPECT(std::string(core::instruction_set()) == name);
        EXPECT(core::peak_gflops(1, 0.01) > 0);
    }
    EXPECT(core::use_instruction_set(best.c_str()));
    EXPECT(std::isfinite(core::peak_gflops(2, 0.01)));
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(agrees_with_the_witness),       TEST(agrees_where_it_is_large),   TEST(each_pointer_may_be_null),
        TEST(takes_no_steps_and_no_rows),    TEST(takes_extreme_inputs),       TEST(a_reset_stops_nan),
        TEST(recomputing_needs_less_memory), TEST(instruction_sets_are_named),
    };
    const int status = run_tests(kTests, std::span(argv, argc).subspan(1));
    std::printf("largest error: %.3g units of 2^-24, %.3g allowed\n", worst_error, kTolerance);
    return status;
}
