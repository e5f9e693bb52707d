// Layers whose weights are bytes: against the witness in doubles, which has the same weights and rounds nothing.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/linear.hpp"
#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

// A matrix in bytes, and the same in floats.
struct Bytes {
    std::vector<std::int8_t> weight;
    std::vector<float> scale;
    std::vector<float> floats;
};

Bytes make_bytes(Random& random, std::int64_t rows, std::int64_t columns, float size) {
    Bytes bytes;
    for (std::int64_t r = 0; r < rows; ++r) {
        // Now and then a row of zeros, whose scale is 0.
        const float scale = chance(random, 16) ? 0 : std::abs(uniform(random, size / 127)) + size / 1270;
        bytes.scale.push_back(scale);
        for (std::int64_t k = 0; k < columns; ++k) {
            bytes.weight.push_back(static_cast<std::int8_t>(static_cast<std::int64_t>(next(random) % 255) - 127));
            bytes.floats.push_back(static_cast<float>(bytes.weight.back()) * scale);
        }
    }
    return bytes;
}

// What rounding to 16 bits may do to W x, at most: each number is off by half a step, of which the largest of a segment
// is 32767 (all of them, here).
double rounding(const std::vector<float>& weights, std::int64_t columns, const float* x) {
    double largest = 0;
    for (std::int64_t k = 0; k < columns; ++k) largest = std::max<double>(largest, std::abs(x[k]));
    double most = 0;
    for (std::size_t first = 0; first < weights.size(); first += columns) {
        double sum = 0;
        for (std::int64_t k = 0; k < columns; ++k) sum += std::abs(weights[first + k]);
        most = std::max(most, sum);
    }
    // Half a step, and what floats round beside it.
    return most * largest * (0.501 / 32767 + 0x1p-20) + 0x1p-20;
}

struct Quantized {
    Problem problem;  // of the weights in floats
    Bytes w_ih{}, w_hh{};
};

Quantized make_quantized(const Case& c) {
    Quantized q{.problem = make_problem(c)};
    Random random{c.seed + 7};
    const std::int64_t gates = core::gates_of(c.cell) * c.hidden;
    q.w_ih = make_bytes(random, gates, c.features, 1 / std::sqrt(static_cast<float>(c.features)));
    q.w_hh = make_bytes(random, gates, c.hidden, 2 / std::sqrt(static_cast<float>(c.hidden)));
    std::ranges::copy(q.w_ih.floats, q.problem.w_ih.data());
    std::ranges::copy(q.w_hh.floats, q.problem.w_hh.data());
    return q;
}

// Both matrices, or that of the state alone.
core::QuantizedWeights weights_in_bytes(const Quantized& q, bool both = true) {
    const core::Weights floats = weights_of(q.problem);
    return {.w_ih = both ? q.w_ih.weight.data() : nullptr,
            .scale_ih = both ? q.w_ih.scale.data() : nullptr,
            .w_hh = q.w_hh.weight.data(),
            .scale_hh = q.w_hh.scale.data(),
            .b_ih = floats.b_ih,
            .b_hh = floats.b_hh,
            .peephole = floats.peephole,
            .float_w_ih = both ? nullptr : floats.w_ih};
}

core::Stream stream_of(const Quantized& q, bool both = true) {
    const std::array layers = {layer_of(q.problem)};
    const std::array<core::AnyWeights, 1> weights = {weights_in_bytes(q, both)};
    return {core::make_stack(layers, weights), q.problem.of.rows};
}

std::vector<float> state_of(const core::Stream& stream) {
    std::vector<float> state(stream.state_size());
    stream.get_state(state.data());
    return state;
}

std::vector<float> step(core::Stream& stream, const float* x) {
    Buffer out(stream.rows() * stream.outputs(), 1);
    stream.step(x, out.data());
    EXPECT(out.guards_hold());
    return {out.values().begin(), out.values().end()};
}

// How far h and c may be off after a step from (h, c) if what the gates are sums of is off by `rounding`. Gates have
// slopes of at most 1, c of |c| + 2 more; n of a GRU is off by r's error times its share of the state, at most `share`.
double bound(const Quantized& q, const float* x, const float* h, const float* c) {
    const Case& of = q.problem.of;
    double memory = 0;
    double largest = 0;
    for (std::int64_t i = 0; i < of.hidden; ++i) {
        if (c != nullptr) memory = std::max<double>(memory, std::abs(c[i]));
        largest = std::max<double>(largest, std::abs(h[i]));
    }
    const double sums = rounding(q.w_ih.floats, of.features, x) + rounding(q.w_hh.floats, of.hidden, h);
    const double share = 1 + largest * 2 * std::sqrt(static_cast<double>(of.hidden));  // of the state in n
    return sums * (core::gates_of(of.cell) == 3 ? 2 + share : 4 + 2 * memory);
}

double worst_of_bound = 0;

constexpr std::array<std::pair<std::int64_t, std::int64_t>, 10> kSizes = {
    {{1, 1}, {2, 3}, {5, 15}, {16, 16}, {7, 17}, {64, 33}, {1, 64}, {65, 65}, {3, 127}, {130, 130}}};

// Each step is what the witness makes of the state before it, over many steps.
void steps_are_what_the_witness_gives() {
    constexpr std::int64_t kSteps = 40;
    for (const Cell cell : kCells) {
        for (const auto& [features, hidden] : kSizes) {
            for (const std::int64_t rows : {1, 3, 17}) {
                if (rows == 17 && hidden > 65) continue;
                Case c{.cell = cell, .time = kSteps, .rows = rows, .features = features, .hidden = hidden};
                c.nulls = hidden % 3 == 0 ? kNoBiasIh : hidden % 3 == 1 ? kNoBiasHh : 0;
                const Quantized q = make_quantized(c);
                const bool both = (rows + hidden) % 4 != 0;
                current_case = describe(c) + (both ? "" : " W_ih floats");
                each_instruction_set([&] {
                    core::Stream stream = stream_of(q, both);
                    const bool memory = core::has_memory(cell);
                    bool holds = true;
                    for (std::int64_t t = 0; t < kSteps; ++t) {
                        const std::vector<float> before = state_of(stream);
                        const float* const x = q.problem.x.buffer.data() + t * rows * features;
                        const std::vector<float> out = step(stream, x);
                        const std::vector<float> after = state_of(stream);
                        for (std::int64_t b = 0; b < rows && (t % 8 == 0 || hidden < 32); ++b) {
                            const float* const h = before.data() + b * hidden;
                            const float* const c_before = memory ? h + rows * hidden : nullptr;
                            naive::Moment m;
                            m.x.assign(x + b * features, x + (b + 1) * features);
                            m.h.assign(h, h + hidden);
                            if (memory) m.c.assign(c_before, c_before + hidden);
                            naive::Real kink = 0;
                            naive::step(layer_of(q.problem), weights_of(q.problem), m, kink);
                            const double most = bound(q, x + b * features, h, c_before);
                            for (std::int64_t i = 0; i < hidden; ++i) {
                                const double off = std::abs(after[b * hidden + i] - m.h_new[i]);
                                worst_of_bound = std::max(worst_of_bound, off / most);
                                holds = holds && off <= most && out[b * hidden + i] == after[b * hidden + i];
                                if (!memory) continue;
                                const double c_off = std::abs(after[(rows + b) * hidden + i] - m.c_new[i]);
                                holds = holds && c_off <= most;
                            }
                        }
                    }
                    EXPECT(holds);
                });
            }
        }
    }
}

void rows_do_not_matter_to_each_other() {
    for (const Cell cell : kCells) {
        Quantized q = make_quantized({.cell = cell, .time = 5, .rows = 17, .features = 6, .hidden = 40});
        current_case = describe(q.problem.of);
        each_instruction_set([&] {
            q.problem.of.rows = 17;
            core::Stream all = stream_of(q);
            q.problem.of.rows = 1;
            std::vector<core::Stream> alone;
            alone.reserve(17);
            for (int b = 0; b < 17; ++b) alone.push_back(stream_of(q));
            for (std::int64_t t = 0; t < 5; ++t) {
                const float* const x = q.problem.x.buffer.data() + t * 17 * 6;
                const std::vector<float> out = step(all, x);
                for (std::int64_t b = 0; b < 17; ++b) {
                    expect_same_bits("a row alone", step(alone[b], x + b * 6), std::span(out).subspan(b * 40, 40));
                }
            }
        });
    }
}

// A number that is none makes all of its row NaN, from then on, and no other.
void a_sick_row_is_alone() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (const Cell cell : kCells) {
        for (const std::int64_t features : {1, 17, 600}) {
            const Quantized q =
                make_quantized({.cell = cell, .time = 4, .rows = 3, .features = features, .hidden = 33});
            current_case = describe(q.problem.of);
            for (const float sick : {kNaN, -kNaN, kInfinity, -kInfinity}) {
                each_instruction_set([&] {
                    core::Stream well = stream_of(q);
                    core::Stream ill = stream_of(q);
                    for (std::int64_t t = 0; t < 4; ++t) {
                        Buffer x(3 * features, 0);
                        std::copy_n(q.problem.x.buffer.data() + t * 3 * features, 3 * features, x.data());
                        const std::vector<float> one = step(well, x.data());
                        if (t == 1) x.data()[2 * features - 1] = sick;  // the last number of row 1
                        const std::vector<float> other = step(ill, x.data());
                        for (const std::size_t row : {0, 2}) {
                            expect_same_bits("a row beside it", std::span(one).subspan(row * 33, 33),
                                             std::span(other).subspan(row * 33, 33));
                        }
                        const auto row = std::span(other).subspan(33, 33);
                        EXPECT(std::ranges::all_of(row, [&](float y) { return std::isnan(y) == (t >= 1); }));
                    }
                });
            }
        }
    }
}

// Layers in bytes and in floats on top of each other; forks; states kept and given back.
void goes_into_stacks() {
    const Quantized first = make_quantized({.cell = Cell::kGruResetBefore, .time = 6, .rows = 2, .hidden = 21});
    const Quantized second = make_quantized({.cell = Cell::kLstm, .time = 6, .rows = 2, .features = 21, .hidden = 35});
    const std::array layers = {layer_of(first.problem), layer_of(second.problem)};
    each_instruction_set([&] {
        for (const bool is_mixed : {false, true}) {
            const std::array<core::AnyWeights, 2> weights = {
                weights_in_bytes(first),
                is_mixed ? core::AnyWeights(weights_of(second.problem)) : core::AnyWeights(weights_in_bytes(second))};
            core::Stream stream(core::make_stack(layers, weights), 2);
            core::Stream below = stream_of(first);
            core::Stream above = stream_of(second);
            for (std::int64_t t = 0; t < 3; ++t) {
                const float* const x = first.problem.x.buffer.data() + t * 2 * 4;
                const std::vector<float> between = step(below, x);
                const std::vector<float> out = step(stream, x);
                if (!is_mixed) expect_same_bits("a stack", out, step(above, between.data()));
            }
            core::Stream fork(stream);
            core::Stream anew(core::make_stack(layers, weights), 2);
            anew.set_state(state_of(stream).data());
            const float* const x = first.problem.x.buffer.data() + std::int64_t{3} * 2 * 4;
            const std::vector<float> out = step(stream, x);
            expect_same_bits("a fork", step(fork, x), out);
            expect_same_bits("a state given back", step(anew, x), out);
        }
    });
}

void maps_are_what_doubles_give() {
    for (const std::int64_t outputs : {1, 3, 16, 17, 64, 65, 130}) {
        for (const std::int64_t inputs : {1, 2, 3, 15, 16, 17, 33, 130, 511, 512, 513, 1300}) {
            Random random{static_cast<std::uint64_t>(outputs + inputs)};
            const Bytes bytes = make_bytes(random, outputs, inputs, 1);
            const Buffer bias = random_buffer(random, {}, outputs, 1);
            current_case = std::to_string(inputs);
            current_case += " to ";
            current_case += std::to_string(outputs);
            constexpr std::int64_t kRows = 8;
            const Buffer x = random_buffer(random, {}, kRows * inputs, 3);
            each_instruction_set([&] {
                const core::Linear linear(bytes.weight.data(), bytes.scale.data(), bias.data(), outputs, inputs);
                Buffer out(kRows * outputs, 1);
                linear.apply(x.data(), kRows, inputs, out.data(), outputs);
                EXPECT(out.guards_hold());
                bool holds = true;
                for (std::int64_t r = 0; r < kRows; ++r) {
                    const double most = rounding(bytes.floats, inputs, x.data() + r * inputs);
                    for (std::int64_t n = 0; n < outputs; ++n) {
                        double sum = bias.data()[n];
                        for (std::int64_t k = 0; k < inputs; ++k) {
                            sum += static_cast<double>(bytes.floats[n * inputs + k]) * x.data()[r * inputs + k];
                        }
                        const double off = std::abs(out.data()[r * outputs + n] - sum);
                        worst_of_bound = std::max(worst_of_bound, off / most);
                        holds = holds && off <= most;
                    }
                }
                EXPECT(holds);
                for (const std::int64_t rows : {1, 2, 7}) {
                    Buffer some(rows * outputs, 0);
                    linear.apply(x.data(), rows, inputs, some.data(), outputs);
                    expect_same_bits("rows", some.values(), out.values().first(some.values().size()));
                }
            });
        }
    }
}

// The largest sums that there can be, exact, and numbers near the ends of what floats hold.
void nothing_overflows() {
    for (const std::int64_t inputs : {512, 513, 2000}) {
        for (const int sign : {1, -1}) {
            const std::vector<std::int8_t> weight(inputs, static_cast<std::int8_t>(127 * sign));
            const float scale = 0.5F;
            for (const float size : {1.0F, 1e37F, 1e-25F}) {
                const std::vector<float> x(inputs, size);
                each_instruction_set([&] {
                    const core::Linear linear(weight.data(), &scale, nullptr, 1, inputs);
                    float out = kNaN;
                    linear.apply(x.data(), 1, inputs, &out, 1);
                    const double wanted = 63.5 * sign * static_cast<double>(inputs) * size;
                    if (std::abs(wanted) > std::numeric_limits<float>::max()) {
                        EXPECT(std::isinf(out) && (out > 0) == (sign > 0));
                    } else {
                        EXPECT(std::abs(out - wanted) <= std::abs(wanted) * 1e-6);
                    }
                });
            }
            const std::vector<float> zeros(inputs, 0.0F);
            const std::vector<float> tiny(inputs, 1e-39F);
            each_instruction_set([&] {
                const core::Linear linear(weight.data(), &scale, nullptr, 1, inputs);
                for (const auto& x : {zeros, tiny}) {
                    float out = kNaN;
                    linear.apply(x.data(), 1, inputs, &out, 1);
                    EXPECT(out == 0);
                }
            });
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(steps_are_what_the_witness_gives),
        TEST(rows_do_not_matter_to_each_other),
        TEST(a_sick_row_is_alone),
        TEST(goes_into_stacks),
        TEST(maps_are_what_doubles_give),
        TEST(nothing_overflows),
    };
    const int status = run_tests(kTests, std::span(argv, argc).subspan(1));
    std::printf("largest error: %.3g of what rounding may do\n", worst_of_bound);
    return status;
}
