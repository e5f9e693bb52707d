// Products of bfloat16: near the witness, NaN and infinity, and what machines without them do. What must be equal bit
// by bit for whatever threads, other rows and layout is in invariance_tests.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

struct Size {
    std::int64_t features;
    std::int64_t hidden;
};

bool equal(const Buffer& one, const Buffer& other) {
    return std::ranges::equal(one.values(), other.values(), [](float a, float b) {
        return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    });
}

bool is_nan(float x) {
    return std::isnan(x);
}

// Half the units of a relu network on and half off, whatever rounding does: across a kink, gradients are others.
Problem problem_off_kinks(const Case& c) {
    Problem p = make_problem(c);
    if (c.cell != Cell::kRnnRelu) return p;
    for (float& w : p.w_hh.values()) w /= 8;
    for (std::int64_t j = 0; j < c.hidden; ++j) p.b_ih.data()[j] += j % 2 == 0 ? 4.0F : -4.0F;
    return p;
}

// Odd and even numbers of numbers in a row, beside whole vectors, and ways in which rows may lie.
void agrees_with_the_witness() {
    constexpr std::array<Size, 4> kSizes = {{{16, 32}, {5, 17}, {33, 63}, {64, 130}}};
    for (const Cell cell : kCells) {
        for (const auto& [features, hidden] : kSizes) {
            for (const Rows kind : {Rows::kFull, Rows::kLengths, Rows::kPacked}) {
                for (const bool reverse : {false, true}) {
                    Case c{.cell = cell, .time = 7, .rows = 13, .features = features, .hidden = hidden, .kind = kind};
                    c.resets = kind != Rows::kFull;
                    c.reverse = reverse;
                    c.batch_first = reverse;
                    c.gap = reverse ? 3 : 0;
                    c.shift = reverse ? 1 : 0;
                    c.nulls = reverse ? kNoBiasHh | kNoH0 | kNoGradX : 0;
                    c.seed = static_cast<std::uint64_t>(hidden);
                    c.bfloat16 = true;
                    const Problem p = problem_off_kinks(c);
                    const Witness w = witness(p);
                    current_case = describe(c);
                    EXPECT(w.outputs.kink > 0.1);
                    each_instruction_set([&] {
                        const Results stored = run(p, {});
                        expect_right(p, stored, w, true);
                        expect_same_results(stored, run(p, {.threads = 2, .recompute = true}));
                        const Results untaped = run(p, {.trains = false});
                        expect_same_bits("out without a tape", stored.out.buffer.values(), untaped.out.buffer.values());
                    });
                }
            }
        }
    }
}

// More rows than a chunk has, an odd number of them, and more than one thread.
void agrees_over_many_chunks() {
    for (const Cell cell : kCells) {
        const Case c{.cell = cell,
                     .time = 31,
                     .rows = 27,
                     .features = 21,
                     .hidden = core::gates_of(cell) == 1 ? 200 : 130,
                     .kind = Rows::kLengths,
                     .seed = 5,
                     .bfloat16 = true};
        const Problem p = problem_off_kinks(c);
        const Witness w = witness(p);
        current_case = describe(c);
        const Results alone = run(p, {});
        expect_right(p, alone, w, true);
        for (const bool recompute : {false, true}) {
            expect_same_results(alone, run(p, {.threads = 2, .recompute = recompute}));
            expect_same_results(alone, run(p, {.threads = 5, .recompute = recompute}));
        }
    }
}

// Where nothing multiplies bfloat16, it is as if nobody had asked; where something does, floats would be other numbers.
void is_floats_where_there_is_none() {
    for (const Cell cell : kCells) {
        Problem p = make_problem({.cell = cell, .features = 16, .hidden = 33, .kind = Rows::kLengths});
        current_case = describe(p.of);
        each_instruction_set([&] {
            EXPECT(!core::has_bfloat16() || core::instruction_set() == std::string("avx512"));
            for (const bool recompute : {false, true}) {
                p.of.bfloat16 = true;
                const Results asked = run(p, {.recompute = recompute});
                p.of.bfloat16 = false;
                const Results floats = run(p, {.recompute = recompute});
                if (!core::has_bfloat16()) {
                    expect_same_results(asked, floats);
                    continue;
                }
                for (const auto& [one, other] :
                     {std::pair{&asked.out.buffer, &floats.out.buffer},
                      std::pair{&asked.grad_x.buffer, &floats.grad_x.buffer},
                      std::pair{&asked.grad_h0, &floats.grad_h0}, std::pair{&asked.grad_w_ih, &floats.grad_w_ih},
                      std::pair{&asked.grad_w_hh, &floats.grad_w_hh}}) {
                    EXPECT(!equal(*one, *other));
                }
            }
        });
    }
}

void streams_compute_with_floats() {
    for (const Cell cell : kCells) {
        const Problem p = make_problem({.cell = cell, .rows = 2, .hidden = 33});
        std::array layers = {layer_of(p)};
        const std::array<core::AnyWeights, 1> weights = {weights_of(p)};
        current_case = describe(p.of);
        std::array<std::vector<float>, 2> outs;
        for (const bool bfloat16 : {false, true}) {
            layers[0].bfloat16 = bfloat16;
            core::Stream stream(core::make_stack(layers, weights), p.of.rows);
            std::vector<float>& out = outs.at(bfloat16 ? 1 : 0);
            out.resize(p.of.rows * p.of.hidden);
            for (std::int64_t t = 0; t < p.of.time; ++t) {
                stream.step(p.x.buffer.data() + t * p.x.time_stride, out.data());
            }
        }
        expect_same_bits("stream", outs[0], outs[1]);
    }
}

// NaN whose bits stand where rounding cuts them off, or carries out of them: infinity, or 0, would be what is left.
void nan_stays_nan() {
    constexpr std::array<std::uint32_t, 5> kNaNs = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7fc00000};
    constexpr std::int64_t kSize = 21;  // a vector and some more
    const auto all_nan = [](std::span<const float> values) { return std::ranges::all_of(values, is_nan); };
    for (const Cell cell : kCells) {
        const Case c{.cell = cell, .time = 1, .rows = 2, .features = kSize, .hidden = kSize, .bfloat16 = true};
        const Problem p = make_problem(c);
        current_case = describe(c);
        each_instruction_set([&] {
            for (const std::uint32_t bits : kNaNs) {
                const auto nan = std::bit_cast<float>(bits);
                for (const std::int64_t at : {0, 1, 19, 20}) {
                    const auto row_of = [](Buffer& b, std::int64_t row) {
                        return b.values().subspan(row * kSize, kSize);
                    };
                    const auto poison = [&](Buffer Problem::* where, std::int64_t row) {
                        Problem q = p;
                        row_of(q.*where, row)[at] = nan;
                        return run(q, {});
                    };
                    Problem q = p;
                    row_of(q.x.buffer, 1)[at] = nan;
                    Results r = run(q, {});
                    EXPECT(all_nan(row_of(r.h_n, 1)) && std::ranges::none_of(row_of(r.h_n, 0), is_nan));
                    EXPECT(all_nan(row_of(r.grad_w_ih, 2).subspan(at, 1)));
                    r = poison(&Problem::h0, 1);
                    EXPECT(all_nan(row_of(r.h_n, 1)) && std::ranges::none_of(row_of(r.h_n, 0), is_nan));
                    EXPECT(all_nan(row_of(r.grad_w_hh, 2).subspan(at, 1)));
                    r = poison(&Problem::w_ih, 2);
                    EXPECT(is_nan(row_of(r.h_n, 0)[2]) && is_nan(row_of(r.h_n, 1)[2]));
                    EXPECT(is_nan(row_of(r.grad_x.buffer, 0)[at]));
                    r = poison(&Problem::w_hh, 2);
                    EXPECT(is_nan(row_of(r.h_n, 0)[2]) && is_nan(row_of(r.h_n, 1)[2]));
                    EXPECT(is_nan(row_of(r.grad_h0, 0)[at]));
                    if (cell == Cell::kRnnRelu) continue;  // whose gradient may have nothing to do with what is asked
                    q = p;
                    row_of(q.grad_out.buffer, 1)[at] = nan;
                    r = run(q, {});
                    EXPECT(all_nan(row_of(r.grad_x.buffer, 1)) && all_nan(row_of(r.grad_h0, 1)));
                    EXPECT(std::ranges::none_of(row_of(r.grad_x.buffer, 0), is_nan));
                    EXPECT(all_nan(row_of(r.grad_w_ih, at)) && all_nan(row_of(r.grad_w_hh, at)));
                }
            }
        });
    }
}

// What an infinite input saturates is finite, and so is what comes after it, whatever stands beside a row's numbers.
void infinity_saturates() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (const Cell cell : kCells) {
        if (cell == Cell::kRnnRelu) continue;  // which lets it through
        for (const std::int64_t hidden : {15, 16, 17, 32}) {
            Problem p =
                make_problem({.cell = cell, .time = 3, .rows = 1, .features = 1, .hidden = hidden, .bfloat16 = true});
            p.x.buffer.data()[0] = kInfinity;
            current_case = describe(p.of);
            const Witness w = witness(p);
            each_instruction_set([&] { expect_right(p, run(p, {.trains = false}), w, false); });
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(agrees_with_the_witness),     TEST(agrees_over_many_chunks), TEST(is_floats_where_there_is_none),
        TEST(streams_compute_with_floats), TEST(nan_stays_nan),           TEST(infinity_saturates),
    };
    const int status = run_tests(kTests, std::span(argv, argc).subspan(1));
    std::printf("largest error: %.3g of the norm, %.3g allowed\n", worst_share, kShareTolerance);
    return status;
}
