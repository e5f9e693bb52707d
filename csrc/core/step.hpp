#pragma once

#include "core/cells.hpp"
#include "core/weights.hpp"

// One step of one layer, for any rows and any panels of units: what whole sequences and streams are made of.
namespace recurra::core::RECURRA_ISA {

// What a step reads and writes; row r of each lies r rows after its beginning.
struct StepRows {
    // The input's share of all gates, panel after panel, `gates_panel` apart; or null: it is computed from x.
    const float* gates = nullptr;
    Index gates_panel = 0;
    const float* x = nullptr;  // words
    Index x_row = 0;
    const float* h_words = nullptr;  // rows of words_of(hidden_stride); h_prev, where words are floats
    const float* h_prev = nullptr;   // rows of hidden_stride, as the rest
    const float* c_prev = nullptr;
    float* h = nullptr;
    float* h_words_next = nullptr;  // h in words, if those are not floats
    float* c = nullptr;             // may be c_prev
    float* tape = nullptr;          // rows of blocks * kTape vectors; or null
    float* c_tape = nullptr;
    // Of a cell with kTwice: what is let in of the state, rows of hidden_stride, and the same in words.
    float* let_in = nullptr;
    float* let_in_words = nullptr;
};

// X W_ih + b of some rows of F features and one panel, as StepRows has it.
inline void input_gates(const PackedWeights& w, const float* x, Range all_rows, Index panel, float* gates,
                        Index gates_panel) noexcept {
    const Index depth = words_of(w.features);
    const int vectors = w.panels.of(panel);
    const Index row = w.panels.stride();
    Product product_of{.a_row = depth,
                       .depth = depth,
                       .last_depth = depth,
                       .b = w.input + panel * row * depth,
                       .b_k = w.panels.width(panel),
                       .init = w.input_bias + panel * row,
                       .c_row = row};
    in_tiles(all_rows.begin, all_rows.end, tile_rows(vectors), [&](Index first, int rows) {
        product_of.a = x + first * depth;
        product_of.c = gates + panel * gates_panel + first * row;
        product(rows, vectors, product_of);
    });
}

// A block of units in words. Beyond the last unit stands 0: an infinite input makes NaN of what is computed there, and
// the last word may have room for it.
[[gnu::always_inline]] inline void units_to_words(const PackedWeights& w, Index block, const float* from,
                                                  float* to) noexcept {
    const Index left = w.hidden - block * kLanes;
    to_words(from, left < kLanes ? left : kLanes, to);
}

template <class C>
void step(const PackedWeights& w, const StepRows& at, Range all_rows, Range panels) noexcept {
    const Index gates_row = w.panels.stride();
    const Index x_depth = words_of(w.features);
    const Index h_depth = words_of(w.hidden);
    const Index h_row = words_of(w.hidden_stride);
    const Index tape_row = blocks_of(w.hidden) * C::kTape * kLanes;
    // Two panels are two streams from memory: worth it where the weights stay near.
    constexpr Index kNear = 1U << 15U;
    const bool is_alone = kRegisters == 32 && !C::kTwice && all_rows.end - all_rows.begin == 1 &&
                          w.panels.count * gates_row * h_depth <= kNear;
    for (Index p = panels.begin, together = 1; p < panels.end; p += together) {
        const int vectors = w.panels.of(p);
        together = is_alone && p + 1 < panels.end && w.panels.of(p + 1) == vectors ? 2 : 1;
        const Index width = w.panels.width(p);
        const float* const input_panel = w.input + p * gates_row * x_depth;
        const float* const state_panel = w.state + p * gates_row * h_depth;
        in_tiles(
            all_rows.begin, all_rows.end, tile_rows(C::kTwice ? C::kStateGates : vectors), [&](Index first, int rows) {
                alignas(64) float of_input[8 * kPanelVectors * kLanes];
                alignas(64) float sums[8 * kPanelVectors * kLanes];
                const float* input = of_input;
                const Index input_next = at.gates != nullptr && together == 2 ? at.gates_panel : gates_row;
                if (at.gates != nullptr) {
                    input = at.gates + p * at.gates_panel + first * gates_row;
                } else {
                    product(rows, vectors,
                            {.a = at.x + first * at.x_row,
                             .a_row = at.x_row,
                             .depth = x_depth,
                             .last_depth = x_depth,
                             .b = input_panel,
                             .b_k = width,
                             .init = w.input_bias + p * gates_row,
                             .c = of_input,
                             .c_row = gates_row,
                             .panels = together,
                             .b_panel = gates_row * x_depth,
                             .init_panel = gates_row,
                             .c_panel = gates_row});
                }
                product(rows, C::kTwice ? C::kStateGates : vectors,
                        {.a = at.h_words + first * h_row,
                         .a_row = h_row,
                         .depth = h_depth,
                         .last_depth = h_depth,
                         .b = state_panel,
                         .b_k = width,
                         .init = C::kApart ? w.state_bias + p * gates_row : input,
                         .init_row = C::kApart ? 0 : gates_row,
                         .c = sums,
                         .c_row = gates_row,
                         .panels = together,
                         .b_panel = gates_row * h_depth,
                         .init_panel = C::kApart ? gates_row : input_next,
                         .c_panel = gates_row});
                const Index blocks = vectors / C::kGates;
                // Of several rows one panel, or of one row two panels.
                for (Index m = 0; m < rows * together; ++m) {
                    const Index row = together == 1 ? first + m : first;
                    const Index panel = together == 1 ? p : p + m;
                    for (Index b = 0; b < blocks; ++b) {
                        const Index block = panel * (C::kGates == 1 ? kPanelVectors : 1) + b;
                        const Index unit = row * w.hidden_stride + block * kLanes;
                        const Index column = m * gates_row + b * C::kGates * kLanes;
                        if constexpr (C::kTwice) {
                            store(at.let_in + unit, C::let_in(sums + column, at.h_prev + unit,
                                                              at.tape + row * tape_row + block * C::kTape * kLanes));
                            if constexpr (kInWord != 1) {
                                units_to_words(w, block, at.let_in + unit, at.let_in_words + words_of(unit));
                            }
                            continue;
                        } else {
                            C::forward({.sums = sums + column,
                                        .input = input + m * input_next + b * C::kGates * kLanes,
                                        .peephole = C::kPeephole ? w.peephole + block * kLanes : nullptr,
                                        .hidden_stride = w.hidden_stride,
                                        .h_prev = at.h_prev + unit,
                                        .c_prev = C::kMemory ? at.c_prev + unit : nullptr,
                                        .h = at.h + unit,
                                        .c = C::kMemory ? at.c + unit : nullptr,
                                        .tape = at.tape == nullptr
                                                    ? nullptr
                                                    : at.tape + row * tape_row + block * C::kTape * kLanes,
                                        .c_tape = at.c_tape == nullptr ? nullptr : at.c_tape + unit});
                        }
                        if constexpr (kInWord != 1) {
                            if (at.h_words_next != nullptr) {
                                units_to_words(w, block, at.h + unit, at.h_words_next + words_of(unit));
                            }
                        }
                    }
                }
            });
    }
}

// The rest of a step of a cell with kTwice, once all of what `step` let in is there.
template <class C>
void second_step(const PackedWeights& w, const StepRows& at, Range all_rows, Range panels) noexcept {
    constexpr Index kLast = (C::kGates - 1) * kLanes;
    const Index gates_row = w.panels.stride();
    const Index x_depth = words_of(w.features);
    const Index h_depth = words_of(w.hidden);
    const Index h_row = words_of(w.hidden_stride);
    const Index tape_row = blocks_of(w.hidden) * C::kTape * kLanes;
    for (Index p = panels.begin; p < panels.end; ++p) {
        in_tiles(all_rows.begin, all_rows.end, tile_rows(1), [&](Index first, int rows) {
            alignas(64) float of_input[8 * kLanes];
            alignas(64) float sums[8 * kLanes];
            if (at.gates == nullptr) {
                product(rows, 1,
                        {.a = at.x + first * at.x_row,
                         .a_row = at.x_row,
                         .depth = x_depth,
                         .last_depth = x_depth,
                         .b = w.input + p * gates_row * x_depth + kLast,
                         .b_k = gates_row,
                         .init = w.input_bias + p * gates_row + kLast,
                         .c = of_input,
                         .c_row = kLanes});
            }
            const bool is_given = at.gates != nullptr;
            product(rows, 1,
                    {.a = at.let_in_words + first * h_row,
                     .a_row = h_row,
                     .depth = h_depth,
                     .last_depth = h_depth,
                     .b = w.state + p * gates_row * h_depth + kLast,
                     .b_k = gates_row,
                     .init = is_given ? at.gates + p * at.gates_panel + first * gates_row + kLast : of_input,
                     .init_row = is_given ? gates_row : kLanes,
                     .c = sums,
                     .c_row = kLanes});
            for (Index m = 0; m < rows; ++m) {
                const Index row = first + m;
                const Index unit = row * w.hidden_stride + p * kLanes;
                C::second(load(sums + m * kLanes), at.h_prev + unit, at.tape + row * tape_row + p * C::kTape * kLanes,
                          at.h + unit);
                if constexpr (kInWord != 1) {
                    if (at.h_words_next != nullptr) {
                        units_to_words(w, p, at.h + unit, at.h_words_next + words_of(unit));
                    }
                }
            }
        });
    }
}

}  // namespace recurra::core::RECURRA_ISA
