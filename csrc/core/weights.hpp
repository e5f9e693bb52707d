#pragma once

#include "core/integers.hpp"
#include "core/panels.hpp"
#include "core/rows.hpp"

// A layer's weights as `step` reads them, in one piece of memory: in words, or quantized to bytes.
namespace recurra::core::RECURRA_ISA {

// Rows of words times a panel of a matrix, or times some of its vectors; or, of one row alone, perhaps two panels.
struct Tile {
    const float* a = nullptr;
    Index a_row = 0;
    Index panel = 0;
    int first = 0;  // vector
    int vectors = 0;
    Index together = 1;  // panels
    const float* init = nullptr;
    Index init_row = 0;
    Index init_panel = 0;
    float* c = nullptr;
    Index c_row = 0;  // and from one panel to the next
};

// As pack_gates lays it, in words of kIn numbers.
template <Index kIn>
struct FloatMatrix {
    // Whether rows are rounded before a step, or in words that it writes; whether two panels at once are faster.
    static constexpr bool kRounds = false;
    static constexpr bool kInWords = kIn != 1;
    static constexpr bool kTwoPanels = kRegisters == 32;

    float* panels = nullptr;
    Index depth = 0;  // words

    static Index floats(Index depth, const Panels& panels) noexcept { return panels.room() * words_of<kIn>(depth); }
    static FloatMatrix in(float* memory, Index depth, const Panels&) noexcept { return {memory, words_of<kIn>(depth)}; }
    // Words of a row of the state.
    static Index row_of(Index hidden) noexcept { return words_of<kIn>(blocks_of(hidden) * kLanes); }
};

template <Index kIn>
[[gnu::always_inline]] inline void multiply(const FloatMatrix<kIn>& by, const Panels& panels, int rows,
                                            const Tile& at) noexcept {
    const Index size = panels.stride() * by.depth;
    product<kIn != 1>(rows, at.vectors,
                      {.a = at.a,
                       .a_row = at.a_row,
                       .depth = by.depth,
                       .last_depth = by.depth,
                       .b = by.panels + at.panel * size + at.first * kLanes,
                       .b_k = panels.width(at.panel),
                       .init = at.init,
                       .init_row = at.init_row,
                       .c = at.c,
                       .c_row = at.c_row,
                       .panels = at.together,
                       .b_panel = size,
                       .init_panel = at.init_panel,
                       .c_panel = at.c_row});
}

// The same in bytes, (panel, pair of k, vector, lane, 2), and a scale for each column. Rows are rounded rows.
struct ByteMatrix {
    static constexpr bool kRounds = true;
    static constexpr bool kInWords = false;
    static constexpr bool kTwoPanels = false;

    std::int8_t* panels = nullptr;
    float* scales = nullptr;
    Index depth = 0;

    static Index floats(Index depth, const Panels& panels) noexcept {
        return panels.room() * pairs_of(depth) / 2 + panels.room();
    }
    static ByteMatrix in(float* memory, Index depth, const Panels& panels) noexcept {
        return {reinterpret_cast<std::int8_t*>(memory + panels.room()), memory, depth};
    }
    static Index row_of(Index hidden) noexcept { return rounded_row(hidden); }
};

// Of the matrix's numbers [begin, begin + depth) of each column, `begin` being a segment's; rounded rows of those.
inline void multiply(const ByteMatrix& by, const Panels& panels, int rows, const Tile& at, Index begin,
                     Index depth) noexcept {
    const Index width = 2 * panels.width(at.panel);
    IntegerProduct part{
        .a = at.a,
        .a_scale = at.a + scales_at(depth),
        .a_row = at.a_row,
        .b = by.panels + 2 * (at.panel * panels.stride() * pairs_of(by.depth) + at.first * kLanes) + begin / 2 * width,
        .b_k = width,
        .b_scale = by.scales + at.panel * panels.stride() + at.first * kLanes,
        .init = at.init,
        .init_row = at.init_row,
        .c = at.c,
        .c_row = at.c_row};
    for (Index left = pairs_of(depth); left > 0; left -= part.depth) {
        part.depth = left < kSegment / 2 ? left : kSegment / 2;
        integer_product(rows, at.vectors, part);
        part.a += part.depth;
        part.a_scale += 1;
        part.b += part.depth * width;
        part.init = at.c;
        part.init_row = at.c_row;
    }
}

inline void multiply(const ByteMatrix& by, const Panels& panels, int rows, const Tile& at) noexcept {
    multiply(by, panels, rows, at, 0, by.depth);
}

template <class Input, class State>
struct PackedWeights {
    using InputMatrix = Input;
    using StateMatrix = State;

    Index features = 0;
    Index hidden = 0;
    Index hidden_stride = 0;  // hidden, rounded up to whole vectors: how wide rows of h and c are inside
    Panels panels;
    Input input;
    State state;
    float* input_bias = nullptr;  // pack_bias; of both, unless the cell keeps them apart
    float* state_bias = nullptr;  // pack_bias; null unless apart
    float* peephole = nullptr;    // (3, hidden_stride)
};

using WordWeights = PackedWeights<FloatMatrix<kInWord>, FloatMatrix<kInWord>>;
using ByteWeights = PackedWeights<ByteMatrix, ByteMatrix>;
using ByteStateWeights = PackedWeights<FloatMatrix<1>, ByteMatrix>;

template <class C, class W>
Index packed_floats(const Layer& layer) noexcept {
    const Panels panels = gate_panels<C>(layer.hidden);
    const Index biases = C::kApart ? 2 : 1;
    const Index peepholes = C::kPeephole ? 3 * blocks_of(layer.hidden) * kLanes : 0;
    return W::InputMatrix::floats(layer.features, panels) + W::StateMatrix::floats(layer.hidden, panels) +
           biases * panels.room() + peepholes;
}

// Where the parts lie in `memory`, (packed_floats).
template <class C, class W>
W laid_out(const Layer& layer, float* memory) noexcept {
    const Panels panels = gate_panels<C>(layer.hidden);
    const auto take = [&](Index size) {
        float* const here = size == 0 ? nullptr : memory;
        memory += size;
        return here;
    };
    W w;
    w.features = layer.features;
    w.hidden = layer.hidden;
    w.hidden_stride = blocks_of(layer.hidden) * kLanes;
    w.panels = panels;
    const auto take_matrix = [&]<class M>(M& matrix, Index depth) {
        matrix = M::in(memory, depth, panels);
        memory += M::floats(depth, panels);
    };
    take_matrix(w.state, layer.hidden);
    take_matrix(w.input, layer.features);
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

// What comes beside matrices, of either kind of weights.
template <class C, class From, class W>
void pack_vectors(const From& weights, const W& w) noexcept {
    pack_bias<C>(weights.b_ih, C::kApart ? nullptr : weights.b_hh, w.hidden, w.input_bias);
    if constexpr (C::kApart) pack_bias<C>(weights.b_hh, nullptr, w.hidden, w.state_bias);
    if constexpr (C::kPeephole) pack_peepholes(weights.peephole, w.hidden, w.peephole);
}

// Part `part` of `parts` of the work.
template <class C>
void pack_weights(const Weights& weights, const WordWeights& w, Index part, Index parts) noexcept {
    const Range panels = part_of(w.panels.count, part, parts);
    pack_gates<C>(weights.w_ih, w.hidden, w.features, panels.begin, panels.end, w.input.panels);
    pack_gates<C>(weights.w_hh, w.hidden, w.hidden, panels.begin, panels.end, w.state.panels);
    if (part == 0) pack_vectors<C>(weights, w);
}

// W (G H, depth) and the scale of each row.
template <class C>
void pack_bytes(const std::int8_t* weight, const float* scale, Index hidden, const Panels& panels,
                const ByteMatrix& to) noexcept {
    pack_bias<C>(scale, nullptr, hidden, to.scales);
    for (Index p = 0; p < panels.count; ++p) {
        std::int8_t* next = to.panels + 2 * p * panels.stride() * pairs_of(to.depth);
        for (Index k = 0; k < 2 * pairs_of(to.depth); k += 2) {
            for (Index column = 0; column < panels.width(p); ++column) {
                const Index unit = unit_of<C>(p, column / kLanes, column % kLanes);
                const std::int8_t* const row = weight + (gate_of<C>(column / kLanes) * hidden + unit) * to.depth;
                const bool is_there = unit < hidden;
                *next++ = is_there ? row[k] : std::int8_t{0};
                *next++ = is_there && k + 1 < to.depth ? row[k + 1] : std::int8_t{0};
            }
        }
    }
}

template <class C, class W>
void pack_quantized(const QuantizedWeights& weights, const W& w) noexcept {
    if constexpr (W::InputMatrix::kRounds) {
        pack_bytes<C>(weights.w_ih, weights.scale_ih, w.hidden, w.panels, w.input);
    } else {
        pack_gates<C, 1>(weights.float_w_ih, w.hidden, w.features, 0, w.panels.count, w.input.panels);
    }
    pack_bytes<C>(weights.w_hh, weights.scale_hh, w.hidden, w.panels, w.state);
    pack_vectors<C>(weights, w);
}

}  // namespace recurra::core::RECURRA_ISA
