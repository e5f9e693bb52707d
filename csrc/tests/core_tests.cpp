// What the core can do beside recurrent kernels, without Python.

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/cpu_features.hpp"
#include "core/observed.hpp"
#include "tests/expect.hpp"

namespace {

using recurra::core::cpu_features;
using recurra::core::CpuFeatures;
using recurra::core::steps_since_observed;
using recurra::test::run_tests;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> run(const std::vector<float>& values, const std::vector<std::int64_t>& offsets,
                       std::size_t columns) {
    std::vector<float> out(values.size(), kNaN);  // a place that isn't written stays NaN and is unequal to anything
    steps_since_observed(values, offsets, columns, out);
    return out;
}

void counts_rows_since_the_last_value() {
    EXPECT((run({1, kNaN, kNaN, 2, kNaN}, {0, 5}, 1) == std::vector<float>{0, 1, 2, 0, 1}));
}

void counts_from_the_start_before_the_first_value() {
    EXPECT((run({kNaN, kNaN, 3}, {0, 3}, 1) == std::vector<float>{1, 2, 0}));
}

void starts_anew_with_each_series() {
    EXPECT((run({1, kNaN, kNaN, kNaN, 5}, {0, 2, 5}, 1) == std::vector<float>{0, 1, 1, 2, 0}));
}

void keeps_columns_apart() {
    EXPECT((run({1, kNaN, kNaN, 2, kNaN, kNaN}, {0, 3}, 2) == std::vector<float>{0, 1, 1, 0, 2, 1}));
}

void takes_empty_series() {
    EXPECT((run({kNaN, 1}, {0, 0, 1, 1, 2, 2}, 1) == std::vector<float>{1, 0}));
}

void takes_nothing_at_all() {
    EXPECT(run({}, {0}, 3).empty());
    EXPECT(run({}, {0, 0, 0}, 3).empty());
    EXPECT(run({}, {0, 4}, 0).empty());
    EXPECT(run({}, {}, 1).empty());
}

void infinity_and_signed_nan() {
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT((run({infinity, -kNaN, -infinity}, {0, 3}, 1) == std::vector<float>{0, 1, 0}));
}

void features_follow_from_each_other() {
    const CpuFeatures f = cpu_features();
    EXPECT(!f.avx2 || f.avx);
    EXPECT(!f.fma || f.avx);
    EXPECT(!f.avx512f || f.avx2);
    EXPECT(!f.avx512bw || f.avx512f);
    EXPECT(!f.neon || !f.sse4_2);
}

// The compiler's own runtime reads the same registers with other code.
void features_agree_with_the_compiler() {
#if (defined(__GNUC__) || defined(__clang__)) && (defined(__x86_64__) || defined(__i386__))
    const CpuFeatures f = cpu_features();
    __builtin_cpu_init();
    EXPECT(f.sse4_2 == (__builtin_cpu_supports("sse4.2") != 0));
    EXPECT(f.avx == (__builtin_cpu_supports("avx") != 0));
    EXPECT(f.avx2 == (__builtin_cpu_supports("avx2") != 0));
    EXPECT(f.fma == (__builtin_cpu_supports("fma") != 0));
    EXPECT(f.avx512f == (__builtin_cpu_supports("avx512f") != 0));
    EXPECT(f.avx512bw == (__builtin_cpu_supports("avx512bw") != 0));
    EXPECT(f.avx512vl == (__builtin_cpu_supports("avx512vl") != 0));
    EXPECT(f.avx512_vnni == (__builtin_cpu_supports("avx512vnni") != 0));
    EXPECT(f.avx512_bf16 == (__builtin_cpu_supports("avx512bf16") != 0));
#endif
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(counts_rows_since_the_last_value),
        TEST(counts_from_the_start_before_the_first_value),
        TEST(starts_anew_with_each_series),
        TEST(keeps_columns_apart),
        TEST(takes_empty_series),
        TEST(takes_nothing_at_all),
        TEST(infinity_and_signed_nan),
        TEST(features_follow_from_each_other),
        TEST(features_agree_with_the_compiler),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
