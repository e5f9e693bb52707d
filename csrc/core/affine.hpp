#pragma once

#include "core/cells.hpp"
#include "core/rows.hpp"

// x W^T + b for rows of x: a layer's product with its input, alone.
namespace recurra::core::RECURRA_ISA {

// Rows at a time, which stay near while all panels of W go by.
inline constexpr Index kAffineRows = 96;

// W's panels are those of a cell with one gate, its bias follows them.
using OneGate = RnnCell<Squash::kTanh>;

inline Index affine_floats(Index outputs, Index inputs) noexcept {
    return plain_panels(outputs).room() * (words_of(inputs) + 1);
}

// `weight` (N, K) and `bias` (N), or null, to (affine_floats).
inline void pack_affine(const float* weight, const float* bias, Index outputs, Index inputs, float* packed) noexcept {
    const Panels panels = plain_panels(outputs);
    pack_gates<OneGate>(weight, outputs, inputs, 0, panels.count, packed);
    pack_bias<OneGate>(bias, nullptr, outputs, packed + panels.room() * words_of(inputs));
}

inline void affine(const float* packed, Index outputs, Index inputs, const float* x, Index rows, Index x_row,
                   float* out, Index out_row) noexcept {
    const Panels panels = plain_panels(outputs);
    const Index stride = panels.stride();
    const float* const bias = packed + panels.room() * inputs;
    for (Index begin = 0; begin < rows; begin += kAffineRows) {
        const Index end = rows - begin < kAffineRows ? rows : begin + kAffineRows;
        const bool is_alone = kRegisters == 32 && end - begin == 1;
        for (Index p = 0, together = 1; p < panels.count; p += together) {
            const int vectors = panels.of(p);
            together = is_alone && p + 1 < panels.count && panels.of(p + 1) == vectors ? 2 : 1;
            in_tiles(begin, end, tile_rows(vectors), [&](Index first, int count) {
                alignas(64) float sums[8 * kPanelVectors * kLanes];
                product(count, vectors,
                        {.a = x + first * x_row,
                         .a_row = x_row,
                         .depth = inputs,
                         .last_depth = inputs,
                         .b = packed + p * stride * inputs,
                         .b_k = panels.width(p),
                         .init = bias + p * stride,
                         .c = sums,
                         .c_row = stride,
                         .panels = together,
                         .b_panel = stride * inputs,
                         .init_panel = stride,
                         .c_panel = stride});
                // Of several rows one panel, or of one row two, which lie side by side.
                for (Index m = 0; m < count; ++m) {
                    copy_row(sums + m * stride, outputs - p * stride, {0, together * stride},
                             out + (first + m) * out_row + p * stride);
                }
            });
        }
    }
}

}  // namespace recurra::core::RECURRA_ISA
