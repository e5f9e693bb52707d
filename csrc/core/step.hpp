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
    // Whether all rows have the state of the first, whose product with W_hh is then theirs too. Not with `gates`, nor
    // of a cell with kTwice.
    bool is_one_state = false;
};

// X W_ih + b of some rows of F features and one panel, as StepRows has it.
template <class W>
void input_gates(const W& w, const float* x, Range all_rows, Index panel, float* gates, Index gates_panel) noexcept {
    const Index depth = w.input.depth;
    const Index row = w.panels.stride();
    const int vectors = w.panels.of(panel);
    in_tiles(all_rows.begin, all_rows.end, tile_rows(vectors), [&](Index first, int rows) {
        multiply(w.input, w.panels, rows,
                 {.a = x + first * depth,
                  .a_row = depth,
                  .panel = panel,
                  .vectors = vectors,
                  .init = w.input_bias + panel * row,
                  .c = gates + panel * gates_panel + first * row,
                  .c_row = row});
    });
}

// A block of units in words. Beyond the last unit stands 0: an infinite input makes NaN of what is computed there, and
// the last word may have room for it.
[[gnu::always_inline]] inline void units_to_words(Index hidden, Index block, const float* from, float* to) noexcept {
    const Index left = hidden - block * kLanes;
    to_words(from, left < kLanes ? left : kLanes, to);
}

// sums + a row of a times P panels of V vectors.
template <int P, int V, Index kIn>
[[gnu::always_inline]] inline void multiply_alone(const FloatMatrix<kIn>& by, const float* a, Index panel,
                                                  Vec (&sums)[P][V]) noexcept {
    const Index size = V * kLanes * by.depth;
    const float* const b = by.panels + panel * size;
    for (Index k = 0; k < by.depth; ++k) {
        const Vec factor = broadcast(a[k]);
#pragma GCC unroll 4
        for (int i = 0; i < P; ++i) {
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
                sums[i][v] = multiply_add<kIn != 1>(sums[i][v], factor, load(b + i * size + (k * V + v) * kLanes));
            }
        }
    }
}

// What becomes of one row's block of units, once its sums are there.
template <class C, class W>
inline void finish(const W& w, const StepRows& at, Index row, Index block, const float* sums,
                   const float* input) noexcept {
    const Index unit = row * w.hidden_stride + block * kLanes;
    const Index taped = (row * blocks_of(w.hidden) + block) * C::kTape * kLanes;
    C::forward({.sums = sums,
                .input = input,
                .peephole = C::kPeephole ? w.peephole + block * kLanes : nullptr,
                .hidden_stride = w.hidden_stride,
                .h_prev = at.h_prev + unit,
                .c_prev = C::kMemory ? at.c_prev + unit : nullptr,
                .h = at.h + unit,
                .c = C::kMemory ? at.c + unit : nullptr,
                .tape = at.tape == nullptr ? nullptr : at.tape + taped,
                .c_tape = at.c_tape == nullptr ? nullptr : at.c_tape + unit});
    if constexpr (W::StateMatrix::kInWords) {
        if (at.h_words_next != nullptr) units_to_words(w.hidden, block, at.h + unit, at.h_words_next + words_of(unit));
    }
}

// A step of one row and P panels, one block of units each, whose sums stay in registers: there are enough of them to
// keep the multipliers busy, and what becomes of one panel's is computed while another's are.
template <class C, int P, class W>
void step_alone(const W& w, const StepRows& at, Index row, Index panel) noexcept {
    constexpr int kVectors = C::kGates;
    constexpr Index kStride = kVectors * kLanes;
    Vec of_input[P][kVectors];
    Vec sums[P][kVectors];
    const bool is_given = at.gates != nullptr;
    const float* const begin =
        is_given ? at.gates + panel * at.gates_panel + row * kStride : w.input_bias + panel * kStride;
    const Index next = is_given ? at.gates_panel : kStride;
#pragma GCC unroll 4
    for (int i = 0; i < P; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) of_input[i][v] = load(begin + i * next + v * kLanes);
    }
    if (!is_given) multiply_alone(w.input, at.x + row * at.x_row, panel, of_input);
#pragma GCC unroll 4
    for (int i = 0; i < P; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            sums[i][v] = C::kApart ? load(w.state_bias + (panel + i) * kStride + v * kLanes) : of_input[i][v];
        }
    }
    multiply_alone(w.state, at.h_words + row * W::StateMatrix::row_of(w.hidden), panel, sums);
#pragma GCC unroll 4
    for (int i = 0; i < P; ++i) {
        finish<C>(w, at, row, panel + i, reinterpret_cast<const float*>(sums[i]),
                  reinterpret_cast<const float*>(of_input[i]));
    }
}

template <class C, class W>
void step(const W& w, const StepRows& at, Range all_rows, Range panels) noexcept {
    if constexpr (W::StateMatrix::kTwoPanels && !C::kTwice && C::kGates > 1) {
        constexpr Index kNear = 1U << 17U;  // floats: farther away, four streams from memory are slower than one
        if (all_rows.end - all_rows.begin == 1 && w.panels.room() * w.state.depth <= kNear) {
            Index p = panels.begin;
            for (; panels.end - p >= 4; p += 4) step_alone<C, 4>(w, at, all_rows.begin, p);
            if (panels.end - p == 3) step_alone<C, 3>(w, at, all_rows.begin, p);
            if (panels.end - p == 2) step_alone<C, 2>(w, at, all_rows.begin, p);
            if (panels.end - p == 1) step_alone<C, 1>(w, at, all_rows.begin, p);
            return;
        }
    }
    const Index gates_row = w.panels.stride();
    const Index h_row = W::StateMatrix::row_of(w.hidden);
    const Index tape_row = blocks_of(w.hidden) * C::kTape * kLanes;
    // Two panels are two streams from memory: worth it where the weights stay near.
    constexpr Index kNearer = 1U << 15U;
    const bool is_alone = W::StateMatrix::kTwoPanels && C::kGates == 1 && all_rows.end - all_rows.begin == 1 &&
                          w.panels.room() * w.state.depth <= kNearer;
    for (Index p = panels.begin, together = 1; p < panels.end; p += together) {
        const int vectors = w.panels.of(p);
        together = is_alone && p + 1 < panels.end && w.panels.of(p + 1) == vectors ? 2 : 1;
        alignas(64) float shared[kPanelVectors * kLanes];
        if (at.is_one_state) {
            multiply(w.state, w.panels, 1,
                     {.a = at.h_words,
                      .a_row = h_row,
                      .panel = p,
                      .vectors = vectors,
                      .init = (C::kApart ? w.state_bias : w.input_bias) + p * gates_row,
                      .c = shared,
                      .c_row = gates_row});
        }
        in_tiles(
            all_rows.begin, all_rows.end, tile_rows(C::kTwice ? C::kStateGates : vectors), [&](Index first, int rows) {
                alignas(64) float of_input[8 * kPanelVectors * kLanes];
                alignas(64) float of_state[8 * kPanelVectors * kLanes];
                const float* input = of_input;
                const float* sums = of_state;
                Index sums_row = gates_row;
                const Index input_next = at.gates != nullptr && together == 2 ? at.gates_panel : gates_row;
                if (at.gates != nullptr) {
                    input = at.gates + p * at.gates_panel + first * gates_row;
                } else {
                    multiply(w.input, w.panels, rows,
                             {.a = at.x + first * at.x_row,
                              .a_row = at.x_row,
                              .panel = p,
                              .vectors = vectors,
                              .together = together,
                              .init = at.is_one_state && !C::kApart ? shared : w.input_bias + p * gates_row,
                              .init_panel = gates_row,
                              .c = of_input,
                              .c_row = gates_row});
                }
                if (at.is_one_state) {
                    sums = C::kApart ? shared : of_input;
                    sums_row = C::kApart ? 0 : gates_row;
                } else {
                    multiply(w.state, w.panels, rows,
                             {.a = at.h_words + first * h_row,
                              .a_row = h_row,
                              .panel = p,
                              .vectors = C::kTwice ? C::kStateGates : vectors,
                              .together = together,
                              .init = C::kApart ? w.state_bias + p * gates_row : input,
                              .init_row = C::kApart ? 0 : gates_row,
                              .init_panel = C::kApart ? gates_row : input_next,
                              .c = of_state,
                              .c_row = gates_row});
                }
                const Index blocks = vectors / C::kGates;
                // Of several rows one panel, or of one row two panels.
                for (Index m = 0; m < rows * together; ++m) {
                    const Index row = together == 1 ? first + m : first;
                    const Index panel = together == 1 ? p : p + m;
                    for (Index b = 0; b < blocks; ++b) {
                        const Index block = panel * (C::kGates == 1 ? kPanelVectors : 1) + b;
                        const Index column = m * sums_row + b * C::kGates * kLanes;
                        if constexpr (C::kTwice) {
                            const Index unit = row * w.hidden_stride + block * kLanes;
                            store(at.let_in + unit, C::let_in(sums + column, at.h_prev + unit,
                                                              at.tape + row * tape_row + block * C::kTape * kLanes));
                            if constexpr (W::StateMatrix::kInWords) {
                                units_to_words(w.hidden, block, at.let_in + unit, at.let_in_words + words_of(unit));
                            }
                        } else {
                            finish<C>(w, at, row, block, sums + column,
                                      input + m * input_next + b * C::kGates * kLanes);
                        }
                    }
                }
            });
    }
}

// The rest of a step of a cell with kTwice, once all of what `step` let in is there.
template <class C, class W>
void second_step(const W& w, const StepRows& at, Range all_rows, Range panels) noexcept {
    constexpr int kLast = C::kGates - 1;
    const Index gates_row = w.panels.stride();
    const Index h_row = W::StateMatrix::row_of(w.hidden);
    const Index tape_row = blocks_of(w.hidden) * C::kTape * kLanes;
    for (Index p = panels.begin; p < panels.end; ++p) {
        in_tiles(all_rows.begin, all_rows.end, tile_rows(1), [&](Index first, int rows) {
            alignas(64) float of_input[8 * kLanes];
            alignas(64) float sums[8 * kLanes];
            const bool is_given = at.gates != nullptr;
            if (!is_given) {
                multiply(w.input, w.panels, rows,
                         {.a = at.x + first * at.x_row,
                          .a_row = at.x_row,
                          .panel = p,
                          .first = kLast,
                          .vectors = 1,
                          .init = w.input_bias + p * gates_row + kLast * kLanes,
                          .c = of_input,
                          .c_row = kLanes});
            }
            multiply(w.state, w.panels, rows,
                     {.a = at.let_in_words + first * h_row,
                      .a_row = h_row,
                      .panel = p,
                      .first = kLast,
                      .vectors = 1,
                      .init = is_given ? at.gates + p * at.gates_panel + first * gates_row + kLast * kLanes : of_input,
                      .init_row = is_given ? gates_row : kLanes,
                      .c = sums,
                      .c_row = kLanes});
            for (Index m = 0; m < rows; ++m) {
                const Index row = first + m;
                const Index unit = row * w.hidden_stride + p * kLanes;
                C::second(load(sums + m * kLanes), at.h_prev + unit, at.tape + row * tape_row + p * C::kTape * kLanes,
                          at.h + unit);
                if constexpr (W::StateMatrix::kInWords) {
                    if (at.h_words_next != nullptr) {
                        units_to_words(w.hidden, p, at.h + unit, at.h_words_next + words_of(unit));
                    }
                }
            }
        });
    }
}

}  // namespace recurra::core::RECURRA_ISA
