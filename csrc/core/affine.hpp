#pragma once

#include "core/cells.hpp"
#include "core/kernels.hpp"
#include "core/weights.hpp"

// x W^T + b for rows of x: a layer's product with its input, alone. W's panels are those of a cell with one gate.
namespace recurra::core::RECURRA_ISA {

using OneGate = RnnCell<Squash::kTanh>;

template <class M>
struct PackedAffine {
    Panels panels;
    M matrix;
    float* bias = nullptr;
};

// Where the parts lie in `memory`.
template <class M>
PackedAffine<M> laid_out(const Affine& map, float* memory) noexcept {
    const Panels panels = plain_panels(map.outputs);
    return {panels, M::in(memory, map.inputs, panels), memory + M::floats(map.inputs, panels)};
}

template <class M>
std::size_t affine_size(const Affine& map) noexcept {
    const Panels panels = plain_panels(map.outputs);
    return static_cast<std::size_t>(M::floats(map.inputs, panels) + panels.room());
}

inline void pack_affine(const Affine& map, const float* weight, const float* /*scale*/, const float* bias,
                        float* packed) noexcept {
    const auto to = laid_out<FloatMatrix<kInWord>>(map, packed);
    pack_gates<OneGate>(weight, map.outputs, map.inputs, 0, to.panels.count, to.matrix.panels);
    pack_bias<OneGate>(bias, nullptr, map.outputs, to.bias);
}

inline void pack_byte_affine(const Affine& map, const std::int8_t* weight, const float* scale, const float* bias,
                             float* packed) noexcept {
    const auto to = laid_out<ByteMatrix>(map, packed);
    pack_bytes<OneGate>(weight, scale, map.outputs, to.panels, to.matrix);
    pack_bias<OneGate>(bias, nullptr, map.outputs, to.bias);
}

// Sums go by way of `sums`, since out may end where a panel doesn't.
inline void affine(const Affine& map, const float* packed, const float* x, Index rows, Index x_row, float* out,
                   Index out_row) noexcept {
    constexpr Index kRows = 96;  // at a time, which stay near while all panels of W go by
    const NoDenormals no_denormals;
    const auto w = laid_out<FloatMatrix<kInWord>>(map, const_cast<float*>(packed));
    const Index stride = w.panels.stride();
    for (Index begin = 0; begin < rows; begin += kRows) {
        const Index end = rows - begin < kRows ? rows : begin + kRows;
        const bool is_alone = FloatMatrix<kInWord>::kTwoPanels && end - begin == 1;
        for (Index p = 0, together = 1; p < w.panels.count; p += together) {
            const int vectors = w.panels.of(p);
            together = is_alone && p + 1 < w.panels.count && w.panels.of(p + 1) == vectors ? 2 : 1;
            in_tiles(begin, end, tile_rows(vectors), [&](Index first, int count) {
                alignas(64) float sums[8 * kPanelVectors * kLanes];
                multiply(w.matrix, w.panels, count,
                         {.a = x + first * x_row,
                          .a_row = x_row,
                          .panel = p,
                          .vectors = vectors,
                          .together = together,
                          .init = w.bias + p * stride,
                          .init_panel = stride,
                          .c = sums,
                          .c_row = stride});
                // Of several rows one panel, or of one row two, which lie side by side.
                for (Index m = 0; m < count; ++m) {
                    copy_row(sums + m * stride, map.outputs - p * stride, {0, together * stride},
                             out + (first + m) * out_row + p * stride);
                }
            });
        }
    }
}

// Segment by segment, so that what is rounded fits here whatever K is.
inline void byte_affine(const Affine& map, const float* packed, const float* x, Index rows, Index x_row, float* out,
                        Index out_row) noexcept {
    const NoDenormals no_denormals;
    const auto w = laid_out<ByteMatrix>(map, const_cast<float*>(packed));
    const Index stride = w.panels.stride();
    in_tiles(0, rows, tile_rows(w.panels.vectors), [&](Index first, int count) {
        float rounded[8 * rounded_row(kSegment)];
        for (Index begin = 0; begin < map.inputs; begin += kSegment) {
            const Index depth = map.inputs - begin < kSegment ? map.inputs - begin : kSegment;
            round_rows(x + first * x_row + begin, x_row, depth, count, rounded);
            for (Index p = 0; p < w.panels.count; ++p) {
                alignas(64) float sums[8 * kPanelVectors * kLanes];
                float* const here = out + first * out_row + p * stride;
                const Index columns = map.outputs - p * stride;
                for (Index m = 0; begin > 0 && m < count; ++m) {
                    copy_padded(here + m * out_row, columns, {0, stride}, sums + m * stride);
                }
                multiply(w.matrix, w.panels, count,
                         {.a = rounded,
                          .a_row = rounded_row(depth),
                          .panel = p,
                          .vectors = w.panels.of(p),
                          .init = begin == 0 ? w.bias + p * stride : sums,
                          .init_row = begin == 0 ? 0 : stride,
                          .c = sums,
                          .c_row = stride},
                         begin, depth);
                for (Index m = 0; m < count; ++m) {
                    copy_row(sums + m * stride, columns, {0, stride}, here + m * out_row);
                }
            }
        }
    });
}

}  // namespace recurra::core::RECURRA_ISA
