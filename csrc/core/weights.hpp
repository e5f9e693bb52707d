#pragma once

#include "core/panels.hpp"
#include "core/rows.hpp"

// A layer's weights as `step` reads them, in one piece of memory.
namespace recurra::core::RECURRA_ISA {

struct PackedWeights {
    Index features = 0;
    Index hidden = 0;
    Index hidden_stride = 0;  // hidden, rounded up to whole vectors: how wide rows of h and c are inside
    Panels panels;
    float* input = nullptr;       // pack_gates of W_ih, in words
    float* state = nullptr;       // pack_gates of W_hh, in words
    float* input_bias = nullptr;  // pack_bias; of both, unless the cell keeps them apart
    float* state_bias = nullptr;  // pack_bias; null unless apart
    float* peephole = nullptr;    // (3, hidden_stride)
};

template <class C>
Index packed_floats(const Layer& layer) noexcept {
    const Panels panels = gate_panels<C>(layer.hidden);
    const Index biases = C::kApart ? 2 : 1;
    const Index peepholes = C::kPeephole ? 3 * blocks_of(layer.hidden) * kLanes : 0;
    return panels.room() * (words_of(layer.features) + words_of(layer.hidden) + biases) + peepholes;
}

// Where the parts lie in `memory`, (packed_floats).
template <class C>
PackedWeights laid_out(const Layer& layer, float* memory) noexcept {
    const Panels panels = gate_panels<C>(layer.hidden);
    const auto take = [&](Index size) {
        float* const here = size == 0 ? nullptr : memory;
        memory += size;
        return here;
    };
    PackedWeights w;
    w.features = layer.features;
    w.hidden = layer.hidden;
    w.hidden_stride = blocks_of(layer.hidden) * kLanes;
    w.panels = panels;
    w.state = take(panels.room() * words_of(w.hidden));
    w.input = take(panels.room() * words_of(w.features));
    w.input_bias = take(panels.room());
    w.state_bias = take(C::kApart ? panels.room() : 0);
    w.peephole = take(C::kPeephole ? 3 * w.hidden_stride : 0);
    return w;
}

// Peepholes (3 H) to padded rows.
inline void pack_peepholes(const float* from, Index hidden, float* to) noexcept {
    const Index stride = blocks_of(hidden) * kLanes;
    for (Index gate = 0; gate < 3; ++gate) {
        copy_padded(from + gate * hidden, hidden, {0, stride}, to + gate * stride);
    }
}

// Part `part` of `parts` of the work.
template <class C>
void pack_weights(const Weights& weights, const PackedWeights& w, Index part, Index parts) noexcept {
    const Range panels = part_of(w.panels.count, part, parts);
    pack_gates<C>(weights.w_ih, w.hidden, w.features, panels.begin, panels.end, w.input);
    pack_gates<C>(weights.w_hh, w.hidden, w.hidden, panels.begin, panels.end, w.state);
    if (part != 0) return;
    pack_bias<C>(weights.b_ih, C::kApart ? nullptr : weights.b_hh, w.hidden, w.input_bias);
    if constexpr (C::kApart) pack_bias<C>(weights.b_hh, nullptr, w.hidden, w.state_bias);
    if constexpr (C::kPeephole) pack_peepholes(weights.peephole, w.hidden, w.peephole);
}

}  // namespace recurra::core::RECURRA_ISA
