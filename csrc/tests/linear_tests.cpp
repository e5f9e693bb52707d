// Affine maps, against sums of doubles and against themselves.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/linear.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

constexpr std::array<std::int64_t, 13> kSizes = {1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 127, 130};
constexpr std::array<std::int64_t, 6> kRows = {0, 1, 2, 3, 17, 130};

struct Map {
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    Buffer weight, bias;
};

Map make_map(std::int64_t outputs, std::int64_t inputs) {
    Random random{static_cast<std::uint64_t>(outputs * 1000 + inputs)};
    return {.outputs = outputs,
            .inputs = inputs,
            .weight = random_buffer(random, {}, outputs * inputs, 1),
            .bias = random_buffer(random, {}, outputs, 1)};
}

// Rows of `width` numbers, `stride` apart; NaN between them.
Buffer make_rows(std::int64_t rows, std::int64_t width, std::int64_t stride, std::uint64_t seed = 5) {
    Random random{seed};
    Buffer buffer(rows == 0 ? 0 : (rows - 1) * stride + width, 1);
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t i = 0; i < width; ++i) buffer.data()[r * stride + i] = uniform(random, 2);
    }
    return buffer;
}

Buffer apply(const core::Linear& linear, const Buffer& x, std::int64_t rows, std::int64_t gap = 0) {
    Buffer out = make_rows(rows, linear.outputs(), linear.outputs() + gap);
    std::ranges::fill(out.values(), kNaN);
    linear.apply(x.data(), rows, linear.inputs() + gap, out.data(), linear.outputs() + gap);
    EXPECT(out.guards_hold());
    return out;
}

template <class Visit>
void each_size(Visit visit) {
    for (const std::int64_t outputs : kSizes) {
        for (const std::int64_t inputs : kSizes) {
            current_case = std::to_string(inputs);
            current_case += " to ";
            current_case += std::to_string(outputs);
            visit(make_map(outputs, inputs));
        }
    }
}

// A sum of K rounded products, in whatever order: each is off by K 2^-24 of itself at most.
void is_what_doubles_give() {
    each_size([](const Map& map) {
        for (const std::int64_t rows : kRows) {
            const std::int64_t gap = rows % 2;
            const Buffer x = make_rows(rows, map.inputs, map.inputs + gap);
            for (const bool has_bias : {true, false}) {
                each_instruction_set([&] {
                    const core::Linear linear(map.weight.data(), has_bias ? map.bias.data() : nullptr, map.outputs,
                                              map.inputs);
                    const Buffer out = apply(linear, x, rows, gap);
                    bool holds = true;
                    for (std::int64_t r = 0; r < rows; ++r) {
                        for (std::int64_t n = 0; n < map.outputs; ++n) {
                            double wanted = has_bias ? map.bias.data()[n] : 0;
                            double size = std::abs(wanted);
                            for (std::int64_t k = 0; k < map.inputs; ++k) {
                                const double term = static_cast<double>(map.weight.data()[n * map.inputs + k]) *
                                                    x.data()[r * (map.inputs + gap) + k];
                                wanted += term;
                                size += std::abs(term);
                            }
                            const double value = out.data()[r * (map.outputs + gap) + n];
                            const auto terms = static_cast<double>(map.inputs + 1);
                            holds = holds && std::abs(value - wanted) <= terms * 0x1p-24 * size;
                        }
                        // What lies between rows isn't touched.
                        holds = holds && (gap == 0 || r + 1 == rows ||
                                          std::isnan(out.data()[r * (map.outputs + gap) + map.outputs]));
                    }
                    EXPECT(holds);
                });
            }
        }
    });
}

void rows_do_not_matter_to_each_other() {
    each_size([](const Map& map) {
        constexpr std::int64_t kMany = 101;
        const Buffer x = make_rows(kMany, map.inputs, map.inputs);
        each_instruction_set([&] {
            const core::Linear linear(map.weight.data(), map.bias.data(), map.outputs, map.inputs);
            const Buffer all = apply(linear, x, kMany);
            for (const std::int64_t rows : {1, 2, 5, 8, 97}) {
                const Buffer some = apply(linear, x, rows);
                expect_same_bits("rows", some.values(), all.values().first(some.values().size()));
            }
        });
    });
}

void a_sick_row_is_alone() {
    constexpr std::int64_t kSick = 2;
    each_size([](const Map& map) {
        const Buffer well = make_rows(5, map.inputs, map.inputs);
        for (const float value : {kNaN, std::numeric_limits<float>::infinity()}) {
            Buffer ill = well;
            ill.data()[kSick * map.inputs + map.inputs / 2] = value;
            each_instruction_set([&] {
                const core::Linear linear(map.weight.data(), map.bias.data(), map.outputs, map.inputs);
                const Buffer one = apply(linear, well, 5);
                const Buffer other = apply(linear, ill, 5);
                for (std::int64_t r = 0; r < 5; ++r) {
                    const auto row = other.values().subspan(r * map.outputs, map.outputs);
                    if (r == kSick) {
                        EXPECT(std::ranges::none_of(row, [](float y) { return std::isfinite(y); }));
                    } else {
                        expect_same_bits("a row", row, one.values().subspan(r * map.outputs, map.outputs));
                    }
                }
            });
        }
    });
}

void owns_its_weights() {
    const Buffer x = make_rows(3, 33, 33);
    each_instruction_set([&] {
        Map map = make_map(70, 33);
        const core::Linear linear(map.weight.data(), map.bias.data(), 70, 33);
        const Buffer before = apply(linear, x, 3);
        std::ranges::fill(map.weight.values(), kNaN);
        std::ranges::fill(map.bias.values(), kNaN);
        expect_same_bits("rows", apply(linear, x, 3).values(), before.values());
    });
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(is_what_doubles_give),
        TEST(rows_do_not_matter_to_each_other),
        TEST(a_sick_row_is_alone),
        TEST(owns_its_weights),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
