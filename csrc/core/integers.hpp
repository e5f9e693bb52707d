#pragma once

#include "core/product.hpp"

// Products of whole numbers: weights of 8 bits, as they are kept, times numbers of a row of 16 bits, rounded when they
// are needed; a sum of int32 is exact, so its order doesn't matter. Both come in pairs of neighbours along a row: a
// word of two int16 is multiplied with two int8 in each lane.
namespace recurra::core::RECURRA_ISA {

using Ints [[gnu::vector_size(RECURRA_LANES * 4)]] = std::int32_t;
using Pairs [[gnu::vector_size(RECURRA_LANES * 4)]] = std::int16_t;  // two int16 to a lane
using Halves [[gnu::vector_size(RECURRA_LANES * 2)]] = std::int16_t;
using BytePairs [[gnu::vector_size(RECURRA_LANES * 2), gnu::aligned(1), gnu::may_alias]] = std::int8_t;

// Numbers of a row that have a scale in common: 512 products of at most 32768 and 127 fit into an int32.
inline constexpr Index kSegment = 512;
inline constexpr float kLargest = 32767.0F;

[[gnu::always_inline]] constexpr Index pairs_of(Index count) noexcept {
    return (count + 1) / 2;
}

// Words of a rounded row: its pairs, with room for whole vectors, then the scale of each segment.
[[gnu::always_inline]] constexpr Index scales_at(Index count) noexcept {
    return (count + kLanes - 1) / kLanes * (kLanes / 2);
}
[[gnu::always_inline]] constexpr Index rounded_row(Index count) noexcept {
    return scales_at(count) + (count + kSegment - 1) / kSegment;
}

// The first `count` floats of a vector, at most kLanes, and zeros.
[[gnu::always_inline]] inline Vec load_first(const float* from, Index count) noexcept {
#if defined(__AVX512F__)
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U), from);
#elif defined(__AVX2__)
    const Ints there = static_cast<std::int32_t>(count) > Ints{0, 1, 2, 3, 4, 5, 6, 7};
    return _mm256_maskload_ps(from, __builtin_bit_cast(__m256i, there));
#else
    Vec x{};
    for (Index i = 0; i < count; ++i) x[i] = from[i];
    return x;
#endif
}

// Compilers widen a whole vector in two halves, if they aren't told.
[[gnu::always_inline]] inline Pairs load_pairs(const std::int8_t* p) noexcept {
    const BytePairs bytes = *reinterpret_cast<const BytePairs*>(p);
#if defined(__AVX512BW__)
    return __builtin_bit_cast(Pairs, _mm512_cvtepi8_epi16(__builtin_bit_cast(__m256i, bytes)));
#elif defined(__AVX2__)
    return __builtin_bit_cast(Pairs, _mm256_cvtepi8_epi16(__builtin_bit_cast(__m128i, bytes)));
#elif defined(__SSE2__)
    const __m128i wide = {__builtin_bit_cast(long long, bytes), 0};
    return __builtin_bit_cast(Pairs, _mm_srai_epi16(_mm_unpacklo_epi8(wide, wide), 8));
#else
    return __builtin_convertvector(bytes, Pairs);
#endif
}

// One word in each lane.
[[gnu::always_inline]] inline Pairs broadcast_pair(const float* word) noexcept {
    std::int32_t pair = 0;
    __builtin_memcpy(&pair, word, sizeof pair);
    return __builtin_bit_cast(Pairs, pair + Ints{});
}

// sum + a b, of both numbers in each lane.
[[gnu::always_inline]] inline Ints multiply_add(Ints sum, Pairs a, Pairs b) noexcept {
#if defined(__AVX512VNNI__)
    return __builtin_bit_cast(Ints,
                              _mm512_dpwssd_epi32(__builtin_bit_cast(__m512i, sum), __builtin_bit_cast(__m512i, a),
                                                  __builtin_bit_cast(__m512i, b)));
#elif defined(__AVX512BW__)
    return sum +
           __builtin_bit_cast(Ints, _mm512_madd_epi16(__builtin_bit_cast(__m512i, a), __builtin_bit_cast(__m512i, b)));
#elif defined(__AVX2__)
    return sum +
           __builtin_bit_cast(Ints, _mm256_madd_epi16(__builtin_bit_cast(__m256i, a), __builtin_bit_cast(__m256i, b)));
#elif defined(__SSE2__)
    return sum +
           __builtin_bit_cast(Ints, _mm_madd_epi16(__builtin_bit_cast(__m128i, a), __builtin_bit_cast(__m128i, b)));
#else
    const auto high = [](Pairs x) { return __builtin_bit_cast(Ints, x) >> 16; };
    const auto low = [](Pairs x) { return __builtin_bit_cast(Ints, __builtin_bit_cast(Bits, x) << 16U) >> 16; };
    return sum + low(a) * low(b) + high(a) * high(b);
#endif
}

// Lane i + kBy in lane i.
template <Index kBy, Index... kIndex>
[[gnu::always_inline]] inline Ints turned(Ints x, Indices<kIndex...>) noexcept {
    return __builtin_shufflevector(x, x, ((kIndex + kBy) % kLanes)...);
}

// The largest size of `count` floats, at most kSegment; NaN if one is NaN.
[[gnu::always_inline]] inline float largest_of(const float* from, Index count) noexcept {
    // As whole numbers, the bits of sizes are ordered as the sizes are, and those of infinity and NaN come last.
    const auto larger = [](Ints a, Ints b) { return a > b ? a : b; };
    const auto size = [](Vec x) { return __builtin_bit_cast(Ints, __builtin_bit_cast(Bits, x) & 0x7fffffffU); };
    Ints most{};
    Index i = 0;
    for (; i + kLanes <= count; i += kLanes) most = larger(most, size(load(from + i)));
    if (i < count) most = larger(most, size(load_first(from + i, count - i)));
    if constexpr (kLanes >= 16) most = larger(most, turned<8>(most, LaneIndices{}));
    if constexpr (kLanes >= 8) most = larger(most, turned<4>(most, LaneIndices{}));
    most = larger(most, turned<2>(most, LaneIndices{}));
    most = larger(most, turned<1>(most, LaneIndices{}));
    return __builtin_bit_cast(float, std::int32_t{most[0]});
}

// Rounds `count` floats, at most kSegment, to whole multiples of the scale returned, and fills the last vector with
// zeros. Where all are below 1e-30, all are 0. With a NaN among them the scale is NaN; with an infinity it is infinite
// and all are 0: either way, whatever they are multiplied with, NaN comes out.
[[gnu::always_inline]] inline float round_segment(const float* from, Index count, float* to) noexcept {
    constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: of a sum with it, the last bits are a whole number
    const float largest = largest_of(from, count);
    const float inverse = largest > 1e-30F ? kLargest / largest : 0.0F;
    const auto write = [&](Index i, Vec x) {
        const auto halves = __builtin_convertvector(__builtin_bit_cast(Ints, x * inverse + kRound), Halves);
        __builtin_memcpy(to + i / 2, &halves, sizeof halves);
    };
    Index i = 0;
    for (; i + kLanes <= count; i += kLanes) write(i, load(from + i));
    if (i < count) write(i, load_first(from + i, count - i));
    return largest * (1.0F / kLargest);
}

// Rows of floats to rounded rows.
inline void round_rows(const float* from, Index from_row, Index count, Index rows, float* to) noexcept {
    for (Index r = 0; r < rows; ++r, from += from_row, to += rounded_row(count)) {
        float* scale = to + scales_at(count);
        for (Index i = 0; i < count; i += kSegment) {
            const Index here = count - i < kSegment ? count - i : kSegment;
            *scale++ = round_segment(from + i, here, to + i / 2);
        }
    }
}

// A tile of rows times a panel of vectors, within a segment:
//
//   c[m][v] = init[m][v] + a_scale[m] b_scale[v] sum over k of a[m][k] b[k][v]
struct IntegerProduct {
    const float* a = nullptr;  // pairs
    const float* a_scale = nullptr;
    Index a_row = 0;  // of both
    Index depth = 0;  // pairs
    const std::int8_t* b = nullptr;
    Index b_k = 0;
    const float* b_scale = nullptr;
    const float* init = nullptr;  // may be c
    Index init_row = 0;
    float* c = nullptr;
    Index c_row = 0;
};

template <int M, int V>
[[gnu::always_inline]] inline void integer_columns(const IntegerProduct& p, Index first) noexcept {
    // One row alone has too few sums to keep the multipliers busy: it gets several, of every so manieth pair.
    constexpr int kTurns = M > 1 ? 1 : 8 / V;
    Ints sum[kTurns][M][V] = {};
    const float* a = p.a;
    const std::int8_t* b = p.b + 2 * first;
    const auto add = [&](int turn) {
        Pairs panel[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) panel[v] = load_pairs(b + 2 * kLanes * v);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
            const Pairs factor = broadcast_pair(a + m * p.a_row);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[turn][m][v] = multiply_add(sum[turn][m][v], factor, panel[v]);
        }
        a += 1;
        b += p.b_k;
    };
    Index left = p.depth;
    for (; left >= kTurns; left -= kTurns) {
#pragma GCC unroll 8
        for (int turn = 0; turn < kTurns; ++turn) add(turn);
    }
    for (; left > 0; --left) add(0);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
        const Index column = first + v * kLanes;
        const Vec scale = load(p.b_scale + column);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
            for (int turn = 1; turn < kTurns; ++turn) sum[0][m][v] += sum[turn][m][v];
            const Vec part = __builtin_convertvector(sum[0][m][v], Vec) * (scale * p.a_scale[m * p.a_row]);
            store(p.c + m * p.c_row + column, load(p.init + m * p.init_row + column) + part);
        }
    }
}

template <int M, int V>
void integer_tile(const IntegerProduct& product) noexcept {
    const IntegerProduct p = product;  // what is stored doesn't touch this one
    if constexpr (kRegisters == 32 || V <= 2) {
        integer_columns<M, V>(p, 0);
    } else {
        integer_columns<M, 2>(p, 0);
        integer_columns<M, V - 2>(p, 2 * kLanes);
    }
}

template <int V, int M = 1>
[[gnu::always_inline]] inline void integer_rows(int rows, const IntegerProduct& p) noexcept {
    if constexpr (M < kTileRows<V>) {
        if (rows > M) return integer_rows<V, M + 1>(rows, p);
    }
    integer_tile<M, V>(p);
}

// As `product`: a tile of 1..tile_rows(vectors) rows and 1..4 vectors.
inline void integer_product(int rows, int vectors, const IntegerProduct& p) noexcept {
    switch (vectors) {
        case 1:
            return integer_rows<1>(rows, p);
        case 2:
            return integer_rows<2>(rows, p);
        case 3:
            return integer_rows<3>(rows, p);
        default:
            return integer_rows<4>(rows, p);
    }
}

}  // namespace recurra::core::RECURRA_ISA
