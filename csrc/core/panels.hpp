#pragma once

#include "core/product.hpp"

// How columns are cut into panels of vectors, and weights laid so that a product reads them from front to back.
namespace recurra::core::RECURRA_ISA {

inline constexpr Index kPanelVectors = 4;

[[gnu::always_inline]] inline Index blocks_of(Index size) noexcept {
    return (size + kLanes - 1) / kLanes;
}

// Panels of `vectors` vectors, the last perhaps of fewer.
struct Panels {
    Index count = 0;
    int vectors = 0;
    int last = 0;

    [[nodiscard]] int of(Index panel) const noexcept { return panel + 1 < count ? vectors : last; }
    [[nodiscard]] Index width(Index panel) const noexcept { return of(panel) * kLanes; }
    [[nodiscard]] Index stride() const noexcept { return vectors * kLanes; }
    // Without and with room for a whole last panel.
    [[nodiscard]] Index columns() const noexcept { return ((count - 1) * vectors + last) * kLanes; }
    [[nodiscard]] Index room() const noexcept { return count * stride(); }
};

// Plain columns, four vectors to a panel.
inline Panels plain_panels(Index columns) noexcept {
    const Index blocks = blocks_of(columns);
    const Index count = (blocks + kPanelVectors - 1) / kPanelVectors;
    return {count, kPanelVectors, static_cast<int>(blocks - (count - 1) * kPanelVectors)};
}

// Gate columns. With several gates, a panel is a block of units with all its gates; with one, it is four blocks.
template <class C>
Panels gate_panels(Index hidden) noexcept {
    if constexpr (C::kGates == 1) return plain_panels(hidden);
    return {blocks_of(hidden), C::kGates, C::kGates};
}

// The unit that lane `lane` of vector `vector` belongs to; it may be one beyond the last.
template <class C>
[[gnu::always_inline]] inline Index unit_of(Index panel, Index vector, Index lane) noexcept {
    return (C::kGates == 1 ? panel * kPanelVectors + vector : panel) * kLanes + lane;
}
// The gate, in the order of the weights, that a panel's vector belongs to, if the panel begins with gate `first`.
template <class C>
[[gnu::always_inline]] inline Index gate_of(Index vector, Index first = 0) noexcept {
    return C::kGates == 1 ? 0 : (vector + first) % C::kGates;
}

// A block of units of one gate, between rows of W (`unit`, k) and rows of a panel (k, lane): squares are turned over in
// registers while k is below `full`; `each(unit, k)` does the rest one by one.
template <class Square, class Each>
[[gnu::always_inline]] inline void turn_over(Index units, Index depth, Index full, Square square, Each each) noexcept {
    Index k = 0;
    if (units >= kLanes) {
        for (; k + kLanes <= full; k += kLanes) square(k);
    }
    for (; k < depth; ++k) {
        for (Index lane = 0; lane < kLanes; ++lane) each(lane, k);
    }
}

// W (G H, depth) to (panel, k, vector, lane), k counting words of kIn numbers; panels [begin, end).
template <class C, Index kIn = kInWord>
void pack_gates(const float* weight, Index hidden, Index depth, Index begin, Index end, float* packed) noexcept {
    const Panels panels = gate_panels<C>(hidden);
    for (Index p = begin; p < end; ++p) {
        const Index width = panels.width(p);
        float* const panel = packed + p * panels.stride() * words_of<kIn>(depth);
        for (Index v = 0; v < panels.of(p); ++v) {
            const Index first = unit_of<C>(p, v, 0);
            const float* const from = weight + (gate_of<C>(v) * hidden + first) * depth;
            float* const to = panel + v * kLanes;
            turn_over(
                hidden - first, words_of<kIn>(depth), depth / kIn,
                [&](Index k) {
                    if constexpr (kIn == 1) {
                        transpose(from + k, depth, to + k * width, width);
                    } else {
                        float square[kLanes * kLanes];
                        for (Index lane = 0; lane < kLanes; ++lane) {
                            to_words(from + lane * depth + k * kIn, kLanes * kIn, square + lane * kLanes);
                        }
                        transpose(square, kLanes, to + k * width, width);
                    }
                },
                [&](Index lane, Index k) {
                    const Index left = depth - k * kIn;
                    float value = 0;
                    if (first + lane < hidden) {
                        to_words<kIn>(from + lane * depth + k * kIn, left < kIn ? left : kIn, &value);
                    }
                    to[k * width + lane] = value;
                });
        }
    }
}

// One or two vectors of biases (G H), or null, to (panel, vector, lane).
template <class C>
void pack_bias(const float* one, const float* other, Index hidden, float* packed) noexcept {
    const Panels panels = gate_panels<C>(hidden);
    for (Index p = 0; p < panels.count; ++p) {
        for (Index column = 0; column < panels.stride(); ++column) {
            const Index unit = unit_of<C>(p, column / kLanes, column % kLanes);
            const Index row = gate_of<C>(column / kLanes) * hidden + unit;
            float sum = 0;
            if (unit < hidden && one != nullptr) sum += one[row];
            if (unit < hidden && other != nullptr) sum += other[row];
            packed[p * panels.stride() + column] = sum;
        }
    }
}

// W (G H, columns) for the way back, d W: to (plain panel, k, vector, lane), where k counts the columns of `gates`, or
// words of them: panels that begin with gate `first_gate` and may lack some. Plain panels [begin, end).
template <class C>
void pack_backward(const float* weight, Index hidden, Index columns, const Panels& gates, Index first_gate, Index begin,
                   Index end, float* packed) noexcept {
    const Panels to_panels = plain_panels(columns);
    const Index depth = words_of(gates.columns());
    for (Index q = begin; q < end; ++q) {
        const Index width = to_panels.width(q);
        const Index first = q * to_panels.stride();
        const Index count = columns - first < width ? columns - first : width;
        float* to = packed + first * depth;
        for (Index p = 0; p < gates.count; ++p) {
            for (Index column = 0; column < gates.width(p); column += kInWord, to += width) {
                const Index unit = unit_of<C>(p, column / kLanes, column % kLanes);
                const float* const from =
                    weight + (gate_of<C>(column / kLanes, first_gate) * hidden + unit) * columns + first;
                Index n = 0;
                if (unit + kInWord <= hidden) {
                    for (; n < count; ++n) to[n] = kInWord == 1 ? from[n] : word(from[n], from[columns + n]);
                } else if (unit < hidden) {
                    for (; n < count; ++n) to[n] = word(from[n], 0.0F);
                }
                for (; n < width; ++n) to[n] = 0;
            }
        }
    }
}

// What lies as pack_gates lays it, in panels that begin with gate `first_gate` and may lack some, to (G H, depth).
// Panels [begin, end).
template <class C>
void unpack_gates(const float* packed, Index hidden, Index depth, const Panels& panels, Index first_gate, Index begin,
                  Index end, float* weight) noexcept {
    for (Index p = begin; p < end; ++p) {
        const Index width = panels.width(p);
        const float* const panel = packed + p * panels.stride() * depth;
        for (Index v = 0; v < panels.of(p); ++v) {
            const Index first = unit_of<C>(p, v, 0);
            const float* const from = panel + v * kLanes;
            float* const to = weight + (gate_of<C>(v, first_gate) * hidden + first) * depth;
            turn_over(
                hidden - first, depth, depth, [&](Index k) { transpose(from + k * width, width, to + k, depth); },
                [&](Index lane, Index k) {
                    if (first + lane < hidden) to[lane * depth + k] = from[k * width + lane];
                });
        }
    }
}

}  // namespace recurra::core::RECURRA_ISA
