#pragma once

#include "core/panels.hpp"
#include "core/share.hpp"

// What a chunk of steps adds to the gradients of weights. Sums run over rows from first to last, a part of them at a
// time: whoever computes them, they are the same bit by bit.
namespace recurra::core::RECURRA_ISA {

// Rows of a product over rows at a time: so many of one panel stay in the first-level cache.
inline constexpr Index kRowsAtATime = 128;
inline constexpr Index kBiasRows = 16;

// Floats of a row in a panel of deltas, dL/d(inside of each gate).
template <class C>
inline constexpr Index kDeltaWidth = (C::kGates == 1 ? kPanelVectors : C::kDeltas) * kLanes;

// Adds to dL/dW, laid as pack_gates lays W, and to the sums of deltas, what a chunk gives. `rows`, those of factors and
// of deltas, are words of two rows each where words are not floats.
struct WeightSums {
    Index depth;           // columns of W
    int first_delta;       // of the deltas in a panel
    const float* factors;  // (rows, depth), what W was multiplied with
    Index factors_row;
    float* sums;  // (panel, depth, vector, lane)
};

// Tiles of W's columns. A unit of work is one of them and one panel.
[[gnu::always_inline]] inline Index tiles_of(const WeightSums& sums, const Panels& panels) noexcept {
    const int most = tile_rows(panels.vectors);
    return (sums.depth + most - 1) / most;
}

// Units of work [begin, end), panel after panel.
template <class C>
void add_weight_sums(const WeightSums& to, const Panels& panels, const float* deltas, Index deltas_panel, Index rows,
                     bool is_first, Range work) noexcept {
    constexpr Index kWidth = kDeltaWidth<C>;
    const Index tiles = tiles_of(to, panels);
    for (Index unit = work.begin; unit < work.end;) {
        const Index p = unit / tiles;
        const Range tile{unit - p * tiles, work.end - p * tiles < tiles ? work.end - p * tiles : tiles};
        unit = p * tiles + tile.end;
        const Index stride = panels.width(p);
        for (Index r = 0; r < rows; r += kRowsAtATime) {
            const Index depth = rows - r < kRowsAtATime ? rows - r : kRowsAtATime;
            for (Index i = tile.begin; i < tile.end; ++i) {
                const Range columns = part_of(to.depth, i, tiles);
                product_over_rows(static_cast<int>(columns.end - columns.begin), panels.of(p),
                                  {.a = to.factors + r * to.factors_row + columns.begin,
                                   .a_row = 1,
                                   .a_k = to.factors_row,
                                   .depth = depth,
                                   .last_depth = depth,
                                   .b = deltas + p * deltas_panel + r * kWidth + to.first_delta * kLanes,
                                   .b_k = kWidth,
                                   .c = to.sums + p * panels.stride() * to.depth + columns.begin * stride,
                                   .c_row = stride,
                                   .add = !is_first || r > 0});
            }
        }
    }
}

// Adds to (panel, vector, lane) the sum of deltas over rows, panels [begin, end).
template <class C>
void add_bias_sums(float* sums, const Panels& panels, const float* deltas, Index deltas_panel, Index rows,
                   bool is_first, Range range) noexcept {
    constexpr Index kVectors = kDeltaWidth<C> / kLanes;
    for (Index p = range.begin; p < range.end; ++p) {
        for (Index v = 0; v < (C::kGates == 1 ? panels.of(p) : C::kDeltas); ++v) {
            const float* from = deltas + p * deltas_panel + v * kLanes;
            float* const to = sums + (p * kVectors + v) * kLanes;
            // Sums of sums of sums: long ones lose digits.
            Vec of_chunk{};
            for (Index r = 0; r < rows; r += kBiasRows) {
                const Index end = rows - r < kBiasRows ? rows : r + kBiasRows;
                Vec sum{};
                for (Index row = r; row < end; ++row) sum += load(from + row * kVectors * kLanes);
                of_chunk += sum;
            }
            store(to, is_first ? of_chunk : load(to) + of_chunk);
        }
    }
}

// Adds to (gate, unit) dL/d(peephole): i and f looked at c before the step, o at c after it. Blocks [begin, end).
template <class C>
void add_peephole_sums(float* sums, Index stride, const float* deltas, Index deltas_panel, const float* c_prev,
                       const float* c, Index rows, bool is_first, Range blocks) noexcept {
    for (Index p = blocks.begin; p < blocks.end; ++p) {
        const float* from = deltas + p * deltas_panel;
        Vec sum[3] = {};
        for (Index row = 0; row < rows; ++row, from += C::kDeltas * kLanes) {
            const Vec before = load(c_prev + row * stride + p * kLanes);
            sum[0] += load(from) * before;
            sum[1] += load(from + kLanes) * before;
            sum[2] += load(from + 3 * kLanes) * load(c + row * stride + p * kLanes);
        }
        for (Index gate = 0; gate < 3; ++gate) {
            float* const to = sums + gate * stride + p * kLanes;
            store(to, is_first ? sum[gate] : load(to) + sum[gate]);
        }
    }
}

}  // namespace recurra::core::RECURRA_ISA
