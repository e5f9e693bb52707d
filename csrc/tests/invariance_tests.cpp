// What must not matter, bit by bit: which other rows there are and what is in them, how a sequence is cut into chunks,
// how data lies in memory, how many threads work.

#include <algorithm>
#include <array>
#include <cfenv>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

using Indices = std::vector<std::int64_t>;

// All steps of a row, one after the other.
std::vector<float> row_of(const Problem& p, const Grid& grid, std::int64_t row) {
    std::vector<float> values;
    const core::Steps steps = steps_of(p);
    for (std::int64_t t = 0; t < naive::length_of(steps, row); ++t) {
        const float* first = grid.buffer.data() + naive::offset_of(steps, grid.time_stride, grid.row_stride, t, row);
        values.insert(values.end(), first, first + grid.width);
    }
    return values;
}

std::span<const float> row_of(const Problem& p, const Buffer& buffer, std::int64_t row) {
    return buffer.values().subspan(row * p.of.hidden, p.of.hidden);
}

void expect_same_row(const Problem& p, const Results& one, std::int64_t row, const Problem& q, const Results& other,
                     std::int64_t other_row) {
    expect_same_bits("out", row_of(p, one.out, row), row_of(q, other.out, other_row));
    expect_same_bits("grad_x", row_of(p, one.grad_x, row), row_of(q, other.grad_x, other_row));
    expect_same_bits("h_n", row_of(p, one.h_n, row), row_of(q, other.h_n, other_row));
    expect_same_bits("c_n", row_of(p, one.c_n, row), row_of(q, other.c_n, other_row));
    expect_same_bits("grad_h0", row_of(p, one.grad_h0, row), row_of(q, other.grad_h0, other_row));
    expect_same_bits("grad_c0", row_of(p, one.grad_c0, row), row_of(q, other.grad_c0, other_row));
}

// The problem of some rows alone, in this order; padded, whatever it was.
Problem select(const Problem& p, const Indices& rows) {
    Problem q = p;
    q.of.rows = static_cast<std::int64_t>(rows.size());
    q.of.kind = Rows::kLengths;
    q.of.gap = 0;
    q.batch_sizes.clear();
    q.lengths.clear();
    for (const std::int64_t row : rows) q.lengths.push_back(naive::length_of(steps_of(p), row));
    const auto copy_rows = [&](Buffer Problem::* buffer) {
        q.*buffer = Buffer(q.of.rows * q.of.hidden, p.of.shift);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto row = row_of(p, p.*buffer, rows[i]);
            std::ranges::copy(row, (q.*buffer).data() + i * row.size());
        }
    };
    for (const auto buffer : {&Problem::h0, &Problem::c0, &Problem::grad_h_n, &Problem::grad_c_n}) copy_rows(buffer);
    const auto copy_grid = [&](Grid Problem::* grid) {
        q.*grid = make_grid(q.of, 0, (p.*grid).width);
        each_step(steps_of(q), q.*grid, [&](std::int64_t t, std::int64_t row, std::int64_t at) {
            const Grid& from = p.*grid;
            const std::int64_t first = naive::offset_of(steps_of(p), from.time_stride, from.row_stride, t, rows[row]);
            std::copy_n(from.buffer.data() + first, from.width, (q.*grid).buffer.data() + at);
        });
    };
    for (const auto grid : {&Problem::x, &Problem::grad_out}) copy_grid(grid);
    if (!p.resets.empty()) q.resets.assign(q.of.time * q.of.rows, 0);
    each_step(steps_of(q), q.x, [&](std::int64_t t, std::int64_t row, std::int64_t) {
        if (!p.resets.empty()) {
            q.resets[t * q.of.rows + row] = p.resets[naive::place_of(steps_of(p), t, rows[row])];
        }
    });
    return q;
}

// Cases of every kind, small enough to be run many times.
template <class Visit>
void each_case(Visit visit) {
    constexpr std::array<std::int64_t, 6> kRows = {2, 7, 13, 17, 33, 65};
    constexpr std::array<std::int64_t, 5> kHidden = {1, 7, 17, 40, 70};
    Random random{7};
    for (const Cell cell : kCells) {
        for (unsigned i = 0; i < 8; ++i) {
            Case c{.cell = cell,
                   .time = 7,
                   .rows = pick(random, kRows),
                   .features = 5,
                   .hidden = pick(random, kHidden),
                   .kind = static_cast<Rows>(i % 3),
                   .resets = chance(random, 3),
                   .reverse = chance(random, 2),
                   .batch_first = chance(random, 2),
                   .gap = chance(random, 2) ? 1 : 0,
                   .shift = next(random) % 2};
            c.seed = next(random) % 1000;
            c.scale = i == 7 ? 1e-39F : 1;  // denormals, which one thread may take for 0 only if all do
            const Problem p = make_problem(c);
            const std::string name = describe(c) + (i == 7 ? " denormal" : "");
            const bool recompute = i % 2 == 1;
            current_case = name;
            each_instruction_set([&] {
                visit(p, recompute);
                if (!core::has_bfloat16()) return;  // then it would be the same again
                Problem q = p;
                q.of.bfloat16 = true;
                current_case += " bfloat16";
                visit(q, recompute);
            });
        }
    }
}

void other_rows_do_not_matter() {
    each_case([](const Problem& p, bool recompute) {
        const Results together = run(p, {.recompute = recompute});
        const std::int64_t rows = p.of.rows;
        Indices backwards(rows);
        std::iota(backwards.rbegin(), backwards.rend(), 0);
        Indices odd;
        for (std::int64_t row = 1; row < rows; row += 2) odd.push_back(row);
        for (const Indices& some : {Indices{0}, Indices{rows / 2}, Indices{rows - 1}, odd, backwards}) {
            const Problem q = select(p, some);
            const Results apart = run(q, {.recompute = recompute});
            for (std::size_t i = 0; i < some.size(); ++i) {
                expect_same_row(p, together, some[i], q, apart, static_cast<std::int64_t>(i));
            }
        }
    });
}

void threads_do_not_matter() {
    each_case([](const Problem& p, bool recompute) {
        const Results alone = run(p, {.threads = 1, .recompute = recompute});
        for (const int threads : {2, 3, 5, 64}) {
            expect_same_results(alone, run(p, {.threads = threads, .recompute = recompute}));
        }
    });
}

void a_sick_row_is_alone() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    each_case([](const Problem& p, bool recompute) {
        const Results well = run(p, {.threads = 2, .recompute = recompute});
        for (const std::int64_t sick : {std::int64_t{0}, p.of.rows / 2, p.of.rows - 1}) {
            for (const float poison : {kNaN, kInfinity}) {
                Problem q = p;
                q.h0.data()[sick * p.of.hidden] = poison;
                q.c0.data()[sick * p.of.hidden] = poison;
                q.grad_h_n.data()[sick * p.of.hidden] = poison;
                each_step(steps_of(q), q.x, [&](std::int64_t t, std::int64_t row, std::int64_t at) {
                    if (row == sick && t % 2 == 0) q.x.buffer.data()[at] = poison;
                });
                each_step(steps_of(q), q.grad_out, [&](std::int64_t t, std::int64_t row, std::int64_t at) {
                    if (row == sick && t % 2 == 1) q.grad_out.buffer.data()[at] = poison;
                });
                const Results ill = run(q, {.threads = 2, .recompute = recompute});
                for (std::int64_t row = 0; row < p.of.rows; ++row) {
                    if (row != sick) expect_same_row(p, well, row, q, ill, row);
                }
            }
        }
    });
}

void layout_does_not_matter() {
    each_case([](const Problem& p, bool recompute) {
        const Results one = run(p, {.recompute = recompute});
        Case c = p.of;
        c.shift = 1 - c.shift;
        c.gap = 5;
        c.batch_first = !c.batch_first;
        const Problem q = make_problem(c);
        const Results other = run(q, {.recompute = recompute});
        for (std::int64_t row = 0; row < c.rows; ++row) expect_same_row(p, one, row, q, other, row);
    });
}

// Runs steps first..last - 1 only, from h and c, which it replaces.
void run_chunk(const Problem& p, Results& r, std::int64_t first, std::int64_t last, std::vector<float>& h,
               std::vector<float>& c) {
    core::Forward call = forward_call(p, r, {.trains = false});
    Indices lengths = p.lengths;
    for (auto& length : lengths) length = std::clamp<std::int64_t>(length - first, 0, last - first);
    call.steps.lengths = lengths;
    call.steps.time = last - first;
    if (!p.resets.empty()) call.steps.resets = call.steps.resets.subspan(first * p.of.rows, (last - first) * p.of.rows);
    call.x.data += first * call.x.time_stride;
    call.out.data += first * call.out.time_stride;
    const std::vector<float> h0 = h;
    const std::vector<float> c0 = c;
    call.h0 = h0.data();
    call.h_n = h.data();
    if (core::has_memory(p.of.cell)) {
        call.c0 = c0.data();
        call.c_n = c.data();
    }
    core::forward(call);
}

void chunks_do_not_matter() {
    each_case([](const Problem& p, bool) {
        if (p.of.kind == Rows::kPacked) return;  // padded and packed rows are equal, see other_rows_do_not_matter
        const Results whole = run(p, {.trains = false});
        for (const auto& [a, b] : {std::array{1, 2}, std::array{3, 3}, std::array{2, 6}, std::array{0, 7}}) {
            Results pieces = make_results(p, {.trains = false});
            const auto size = static_cast<std::size_t>(p.of.rows * p.of.hidden);
            std::vector<float> h(p.h0.data(), p.h0.data() + size);
            std::vector<float> c(p.c0.data(), p.c0.data() + size);
            std::array<std::array<std::int64_t, 2>, 3> cuts = {{{0, a}, {a, b}, {b, p.of.time}}};
            if (p.of.reverse) std::ranges::reverse(cuts);
            for (const auto& [first, last] : cuts) run_chunk(p, pieces, first, last, h, c);
            expect_same_bits("out in chunks", whole.out.buffer.values(), pieces.out.buffer.values());
            expect_same_bits("h_n in chunks", whole.h_n.values(), h);
            if (core::has_memory(p.of.cell)) expect_same_bits("c_n in chunks", whole.c_n.values(), c);
        }
    });
}

// Kernels may take denormals for 0, and may not leave the caller's arithmetic so.
void the_callers_arithmetic_is_left_alone() {
    const volatile float tiny = 1e-40F;
    for (const int threads : {1, 3}) {
        const Problem p = make_problem({.time = 12, .rows = 40, .hidden = 64});
        each_instruction_set([&] {
            std::fesetround(FE_TOWARDZERO);
            run(p, {.threads = threads});
            EXPECT(std::fegetround() == FE_TOWARDZERO);
            std::fesetround(FE_TONEAREST);
            run(p, {.threads = threads});
            EXPECT(tiny * 0.5F > 0 && tiny + tiny > tiny);
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(other_rows_do_not_matter), TEST(threads_do_not_matter), TEST(a_sick_row_is_alone),
        TEST(layout_does_not_matter),   TEST(chunks_do_not_matter),  TEST(the_callers_arithmetic_is_left_alone),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
