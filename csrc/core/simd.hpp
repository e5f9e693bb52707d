#pragma once

#include <cstdint>

// One vector of floats as wide as the instruction set that this file is compiled for. Included only by files that are
// compiled once for each set, with RECURRA_ISA (a name) and RECURRA_LANES (floats in a vector) defined; everything in
// them lives in recurra::core::RECURRA_ISA, so that the linker can't take one set's code for another's.
namespace recurra::core::RECURRA_ISA {

using Index = std::int64_t;

inline constexpr Index kLanes = RECURRA_LANES;
#if defined(__AVX512F__) || defined(__ARM_NEON)
inline constexpr int kRegisters = 32;
#else
inline constexpr int kRegisters = 16;
#endif

using Vec [[gnu::vector_size(RECURRA_LANES * 4)]] = float;
using Bits [[gnu::vector_size(RECURRA_LANES * 4)]] = std::int32_t;
using Unaligned [[gnu::vector_size(RECURRA_LANES * 4), gnu::aligned(4), gnu::may_alias]] = float;

[[gnu::always_inline]] inline Vec load(const float* p) noexcept {
    return *reinterpret_cast<const Unaligned*>(p);
}

[[gnu::always_inline]] inline void store(float* p, Vec v) noexcept {
    *reinterpret_cast<Unaligned*>(p) = v;
}

// Minus, since x - 0 is x for every x, and x + 0 is not for -0.
[[gnu::always_inline]] inline Vec broadcast(float x) noexcept {
    return x - Vec{};
}

// e^x - 1 = 2^n p + (2^n - 1) where p = e^f - 1 and f = x - n ln 2. Gives p and 2^n. |x| must be at most 88; NaN stays.
struct Exponential {
    Vec p;
    Vec scale;
};

[[gnu::always_inline]] inline Exponential exponential(Vec x) noexcept {
    constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: what is added to it is rounded to a whole number
    const Vec shifted = x * 1.44269504F + kRound;
    const Vec n = shifted - kRound;
    Vec f = x - n * 0.693359375F;  // ln 2 in two parts; the first has few digits, so the product is exact
    f = f + n * 2.12194440e-4F;
    // (e^f - 1 - f) / f^2 on |f| <= ln 2 / 2: minimax in the relative error of p, 1.3e-8.
    Vec q = f * 1.38825073e-3F + 8.36658012e-3F;
    q = q * f + 4.16672006e-2F;
    q = q * f + 1.66665435e-1F;
    q = q * f + 4.99999970e-1F;
    const Bits exponent = (__builtin_bit_cast(Bits, shifted) + 127) << 23;
    return {(q * f) * f + f, __builtin_bit_cast(Vec, exponent)};
}

[[gnu::always_inline]] inline Vec clamp(Vec x, float bound) noexcept {
    x = x > bound ? broadcast(bound) : x;  // a comparison with NaN is false: NaN stays
    return x < -bound ? broadcast(-bound) : x;
}

// 1 / (1 + e^-x), within 3 ulp; relative accuracy also where it is small.
[[gnu::always_inline]] inline Vec sigmoid(Vec x) noexcept {
    const Exponential e = exponential(clamp(-x, 87.0F));
    return 1.0F / (e.p * e.scale + (e.scale + 1.0F));
}

// tanh x = (e^2x - 1) / (e^2x + 1), within 3 ulp; relative accuracy also where it is small.
[[gnu::always_inline]] inline Vec tanh(Vec x) noexcept {
    const Vec clamped = clamp(x, 9.1F);
    const Exponential e = exponential(clamped + clamped);
    const Vec expm1 = e.p * e.scale + (e.scale - 1.0F);
    return expm1 / (expm1 + 2.0F);
}

}  // namespace recurra::core::RECURRA_ISA
