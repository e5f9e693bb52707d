#pragma once

#include <cstdint>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

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
using Bits [[gnu::vector_size(RECURRA_LANES * 4)]] = std::uint32_t;
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

// What a product multiplies comes in words of 32 bits: a float or, where RECURRA_BF16 is defined, two bfloat16, which
// stand for the numbers 2 w and 2 w + 1 of a row. Sums are floats in either case.
#if defined(RECURRA_BF16)
inline constexpr Index kInWord = 2;
#else
inline constexpr Index kInWord = 1;
#endif

template <Index kIn = kInWord>
[[gnu::always_inline]] constexpr Index words_of(Index count) noexcept {
    return (count + kIn - 1) / kIn;
}

// sum + a b, of floats or of words.
template <bool kWords>
[[gnu::always_inline]] inline Vec multiply_add(Vec sum, Vec a, Vec b) noexcept {
#if defined(RECURRA_BF16)
    if constexpr (kWords) {
        return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, a), __builtin_bit_cast(__m512bh, b));
    }
#endif
    return sum + a * b;
}

// Two floats as a word, each rounded to the nearest, ties to even. NaN stays NaN.
[[gnu::always_inline]] inline float word(float low, float high) noexcept {
    const auto half = [](float x) {
        const auto bits = __builtin_bit_cast(std::uint32_t, x);
        const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U;
        return x == x ? rounded : std::uint32_t{0x7fc0};
    };
    return __builtin_bit_cast(float, half(low) | half(high) << 16U);
}

// A row of floats to words; a float that is missing in the last is 0.
template <Index kIn = kInWord>
[[gnu::always_inline]] inline void to_words(const float* from, Index count, float* to) noexcept {
    if constexpr (kIn == 1) {
        for (Index i = 0; i < count; ++i) to[i] = from[i];
        return;
    }
#if defined(RECURRA_BF16)
    Index i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        const __m256bh words = _mm512_cvtneps_pbh(load(from + i));
        __builtin_memcpy(to + i / 2, &words, sizeof words);
    }
    if (i == count) return;
    const auto first = [](Index n) { return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U); };
    const __m256bh words = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(first(count - i), from + i));
    _mm256_mask_storeu_epi32(to + i / 2, static_cast<__mmask8>(first(words_of(count - i))),
                             __builtin_bit_cast(__m256i, words));
#endif
}

// Two rows of floats, the second perhaps missing, to words of which each holds a column of both: for sums over rows.
[[gnu::always_inline]] inline void rows_to_words(const float* one, const float* other, Index count,
                                                 float* to) noexcept {
    Index i = 0;
#if defined(RECURRA_BF16)
    alignas(64) static constexpr std::uint16_t kZipped[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                              21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                              11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i zipped = _mm512_load_si512(kZipped);
    for (; i + kLanes <= count; i += kLanes) {
        const __m512bh both = _mm512_cvtne2ps_pbh(other == nullptr ? Vec{} : load(other + i), load(one + i));
        store(to + i, __builtin_bit_cast(Vec, _mm512_permutexvar_epi16(zipped, __builtin_bit_cast(__m512i, both))));
    }
#endif
    for (; i < count; ++i) to[i] = word(one[i], other == nullptr ? 0.0F : other[i]);
}

template <Index... kIndex>
struct Indices {};
#if RECURRA_LANES == 16
using LaneIndices = Indices<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif RECURRA_LANES == 8
using LaneIndices = Indices<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using LaneIndices = Indices<0, 1, 2, 3>;
#endif

// a0 b0 a1 b1 .. of the first halves of two vectors, or of the second.
template <bool kSecond, Index... kIndex>
[[gnu::always_inline]] inline Vec interleaved(Vec a, Vec b, Indices<kIndex...>) noexcept {
    constexpr Index kFrom = kSecond ? kLanes / 2 : 0;
    return __builtin_shufflevector(a, b, (kFrom + kIndex / 2 + kIndex % 2 * kLanes)...);
}

// Turns a square of kLanes rows over: column k of `from` becomes row k of `to`.
[[gnu::always_inline]] inline void transpose(const float* from, Index from_row, float* to, Index to_row) noexcept {
    Vec rows[kLanes];
    Vec turned[kLanes];
#pragma GCC unroll 16
    for (Index i = 0; i < kLanes; ++i) rows[i] = load(from + i * from_row);
#pragma GCC unroll 4
    for (Index round = kLanes; round > 1; round /= 2) {
#pragma GCC unroll 8
        for (Index i = 0; i < kLanes / 2; ++i) {
            turned[2 * i] = interleaved<false>(rows[i], rows[i + kLanes / 2], LaneIndices{});
            turned[2 * i + 1] = interleaved<true>(rows[i], rows[i + kLanes / 2], LaneIndices{});
        }
#pragma GCC unroll 16
        for (Index i = 0; i < kLanes; ++i) rows[i] = turned[i];
    }
#pragma GCC unroll 16
    for (Index i = 0; i < kLanes; ++i) store(to + i * to_row, rows[i]);
}

#if defined(__AVX512F__)
// A mask that lets all lanes through: what GCC's intrinsics without one pass instead, it warns of as uninitialised.
inline constexpr __mmask16 kAll = 0xffff;
#endif

// What the language has no operator for. Bounding: a NaN stays, whatever the bounds.
[[gnu::always_inline]] inline Vec bounded(Vec x, float bound) noexcept {
#if defined(__AVX512F__)
    return _mm512_maskz_max_ps(kAll, broadcast(-bound), _mm512_maskz_min_ps(kAll, broadcast(bound), x));
#elif defined(__AVX2__)
    return _mm256_max_ps(broadcast(-bound), _mm256_min_ps(broadcast(bound), x));
#elif defined(__SSE2__)
    return _mm_max_ps(broadcast(-bound), _mm_min_ps(broadcast(bound), x));
#else
    x = x > bound ? broadcast(bound) : x;
    return x < -bound ? broadcast(-bound) : x;
#endif
}

// x 2^n for whole n of size 126 at most.
[[gnu::always_inline]] inline Vec scaled(Vec x, Vec n) noexcept {
#if defined(__AVX512F__)
    return _mm512_maskz_scalef_ps(kAll, x, n);
#else
    // What is added to 1.5 * 2^23 stands in the last bits of the sum: there it becomes an exponent.
    const Bits exponent = (__builtin_bit_cast(Bits, n + 12582912.0F) + 127U) << 23U;
    return x * __builtin_bit_cast(Vec, exponent);
#endif
}

// x as n ln 2 / kScale + f, |f| at most ln 2 / 2 / kScale: e^(kScale x) is 2^n e^(kScale f).
struct Reduced {
    Vec n;
    Vec f;
};

template <int kScale>
[[gnu::always_inline]] inline Reduced reduced(Vec x) noexcept {
    constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: a sum with it is a whole number
    const Vec n = (x * (kScale * 1.44269504F) + kRound) - kRound;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return {n, x - n * (0.693147181F / kScale)};
#else
    // Without fused multiply-add ln 2 comes in two parts, the first of so few digits that its product is exact.
    return {n, (x - n * (0.693359375F / kScale)) + n * (2.12194440e-4F / kScale)};
#endif
}

// (e^(kScale f) - 1) / f for |kScale f| at most ln 2 / 2, within 1.3e-8 (minimax, of relative error).
template <int kScale>
[[gnu::always_inline]] inline Vec slope_of_exp(Vec f) noexcept {
    constexpr float k1 = kScale;
    constexpr float k2 = k1 * k1;
    constexpr float k3 = k2 * k1;
    Vec q = f * (1.38825073e-3F * k3 * k3) + 8.36658012e-3F * k3 * k2;
    q = q * f + 4.16672006e-2F * k2 * k2;
    q = q * f + 1.66665435e-1F * k3;
    q = q * f + 4.99999970e-1F * k2;
    return q * f + k1;
}

// 1 / (1 + e^-x), within 3 ulp: of relative accuracy also where it is small.
[[gnu::always_inline]] inline Vec sigmoid(Vec x) noexcept {
    const Reduced r = reduced<1>(-bounded(x, 87.0F));
    return 1.0F / (scaled(slope_of_exp<1>(r.f) * r.f + 1.0F, r.n) + 1.0F);
}

// (e^2x - 1) / (e^2x + 1), within 3 ulp: of relative accuracy also where it is small.
[[gnu::always_inline]] inline Vec tanh(Vec x) noexcept {
    const Reduced r = reduced<2>(bounded(x, 9.1F));
    const Vec scale = scaled(broadcast(1.0F), r.n);
    const Vec expm1 = (slope_of_exp<2>(r.f) * r.f) * scale + (scale - 1.0F);
    return expm1 / (expm1 + 2.0F);
}

}  // namespace recurra::core::RECURRA_ISA
