#pragma once

#include "core/simd.hpp"

// The one product that everything is made of: a tile of a few rows times a panel of a few vectors,
//
//   c[m][v] = init[m][v] + sum over k of a[m][k] b[k][v]
//
// in registers, k from first to last: whatever rows stand beside it, a row's numbers are the same bit by bit.
namespace recurra::core::RECURRA_ISA {

struct Product {
    // a[m][k] is a[m * a_row + k * a_k]; k is cut into segments of `depth` (the last of `last_depth`), each beginning
    // `a_segment` after the one before.
    const float* a = nullptr;
    Index a_row = 0;
    Index a_k = 1;
    Index segments = 1;
    Index a_segment = 0;
    Index depth = 0;
    Index last_depth = 0;
    const float* b = nullptr;  // row k at b + k * b_k, over all segments
    Index b_k = 0;
    const float* init = nullptr;  // null: 0
    Index init_row = 0;
    float* c = nullptr;
    Index c_row = 0;
    bool add = false;  // to what stands in c, after the sum
    // Of one row alone, two panels at once, whose parts lie so far apart: a single panel has too few sums to keep the
    // multipliers busy. 1 or 2.
    Index panels = 1;
    Index b_panel = 0;
    Index init_panel = 0;
    Index c_panel = 0;
};

// How many rows a tile has at most. With 32 registers: 24 sums, the panel's vectors and the number that multiplies.
template <int V>
inline constexpr int kTileRows = V == 3 && kRegisters == 32 ? 8 : 6;

template <int M, int V, bool kAdjacent, bool kWords>
[[gnu::always_inline]] inline void product_columns(const Product& p, Index first) noexcept {
    Vec sum[M][V];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            sum[m][v] = p.init == nullptr ? Vec{} : load(p.init + m * p.init_row + first + v * kLanes);
        }
    }
    const Index a_row = p.a_row;
    const Index a_k = kAdjacent ? 1 : p.a_k;
    const Index b_k = p.b_k;
    const float* b = p.b + first;
    for (Index s = 0; s < p.segments; ++s) {
        const float* a = p.a + s * p.a_segment;
        const Index depth = s + 1 < p.segments ? p.depth : p.last_depth;
        for (Index k = 0; k < depth; ++k) {
            Vec panel[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) panel[v] = load(b + v * kLanes);
#pragma GCC unroll 8
            for (int m = 0; m < M; ++m) {
                const Vec factor = broadcast(a[m * a_row]);
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) sum[m][v] = multiply_add<kWords>(sum[m][v], factor, panel[v]);
            }
            a += a_k;
            b += b_k;
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            float* c = p.c + m * p.c_row + first + v * kLanes;
            store(c, p.add ? load(c) + sum[m][v] : sum[m][v]);
        }
    }
}

// With 16 registers, two vectors of a panel at a time.
template <int M, int V, bool kAdjacent, bool kWords>
void product_tile(const Product& p) noexcept {
    if constexpr (kRegisters == 32 || V <= 2) {
        product_columns<M, V, kAdjacent, kWords>(p, 0);
    } else {
        product_columns<M, 2, kAdjacent, kWords>(p, 0);
        product_columns<M, V - 2, kAdjacent, kWords>(p, 2 * kLanes);
    }
}

// One row, two panels; k adjacent, one segment.
template <int V, bool kWords>
void product_pair(const Product& p) noexcept {
    Vec sum[2][V];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[i][v] = load(p.init + i * p.init_panel + v * kLanes);
    }
    const float* one = p.b;
    const float* other = p.b + p.b_panel;
    for (Index k = 0; k < p.last_depth; ++k, one += p.b_k, other += p.b_k) {
        const Vec factor = broadcast(p.a[k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            sum[0][v] = multiply_add<kWords>(sum[0][v], factor, load(one + v * kLanes));
            sum[1][v] = multiply_add<kWords>(sum[1][v], factor, load(other + v * kLanes));
        }
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) store(p.c + i * p.c_panel + v * kLanes, sum[i][v]);
    }
}

template <int V, bool kAdjacent, bool kWords, int M = kTileRows<V>>
[[gnu::always_inline]] inline void product_rows(int rows, const Product& p) noexcept {
    if constexpr (M == 1) {
        if (kAdjacent && p.panels == 2) return product_pair<V, kWords>(p);
        product_tile<1, V, kAdjacent, kWords>(p);
    } else if (rows == M) {
        product_tile<M, V, kAdjacent, kWords>(p);
    } else {
        product_rows<V, kAdjacent, kWords, M - 1>(rows, p);
    }
}

template <bool kAdjacent, bool kWords>
[[gnu::always_inline]] inline void product_vectors(int rows, int vectors, const Product& p) noexcept {
    switch (vectors) {
        case 1:
            return product_rows<1, kAdjacent, kWords>(rows, p);
        case 2:
            return product_rows<2, kAdjacent, kWords>(rows, p);
        case 3:
            return product_rows<3, kAdjacent, kWords>(rows, p);
        default:
            return product_rows<4, kAdjacent, kWords>(rows, p);
    }
}

// A tile of 1..tile_rows(vectors) rows and 1..4 vectors. Rows of a whose k are adjacent, in words (k counts those).
template <bool kWords = kInWord != 1>
void product(int rows, int vectors, const Product& p) noexcept {
    product_vectors<true, kWords>(rows, vectors, p);
}

// The same for columns of a: a sum over rows, or over words of two rows each.
inline void product_over_rows(int rows, int vectors, const Product& p) noexcept {
    product_vectors<false, kInWord != 1>(rows, vectors, p);
}

inline int tile_rows(int vectors) noexcept {
    return vectors == 3 ? kTileRows<3> : kTileRows<4>;
}

// Cuts [begin, end) into as few tiles as there must be, of sizes as alike as can be, and calls each(first, rows).
template <class Each>
[[gnu::always_inline]] inline void in_tiles(Index begin, Index end, int most, Each each) noexcept {
    const Index rows = end - begin;
    const Index tiles = (rows + most - 1) / most;
    for (Index tile = 0; tile < tiles; ++tile) {
        const Index first = begin + rows * tile / tiles;
        each(first, static_cast<int>(begin + rows * (tile + 1) / tiles - first));
    }
}

}  // namespace recurra::core::RECURRA_ISA
