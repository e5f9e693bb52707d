#pragma once

#include "core/way_back.hpp"

// The recurrence on the way back: a chunk's steps from its last to its first.
namespace recurra::core::RECURRA_ISA {

// Asks for memory that is soon to be read.
[[gnu::always_inline]] inline void fetch(const float* from, Index count) noexcept {
    constexpr Index kLine = 16;
    for (Index i = 0; i < count; i += kLine) __builtin_prefetch(from + i);
}

// Goes to the chunk before, and lays out what its steps read.
template <class C>
void WayBack<C>::gather_chunk(Mine& mine) const noexcept {
    const Chunk& chunk = mine.chunk = chunk_until(timeline, mine.chunk.begin, room);
    mine.turn = 1 - mine.turn;
    mine.x = x_in_order ? call.x.data + chunk.base * features : gathered;
    mine.tape = own_tape != nullptr ? own_tape : call.tape + chunk.base * tape_row;
    if (!x_in_order) gather(timeline, call.x, chunk, mine.gathers, features, features, gathered);
    gather_previous(
        timeline, [&](Index t, Index b) { return row_at(timeline, call.out, t, b); }, call.h0, chunk, mine.gathers,
        hidden, stride, h_prev);
    if constexpr (C::kMemory) {
        gather_previous(
            timeline, [&](Index t, Index b) { return c_tape + (timeline.start[t] + b) * stride; }, call.c0, chunk,
            mine.gathers, hidden, stride, c_prev);
    }
    if constexpr (C::kTapeIsOutput) gather(timeline, call.out, chunk, mine.gathers, hidden, stride, own_tape);
}

template <class C>
void WayBack<C>::words_for_gates(const Mine& mine) const noexcept {
    gather_words(timeline, call.x, mine.chunk, mine.gathers, features, x_words);
    const Range part = part_of(mine.chunk.rows, mine.thread, mine.team);
    for (Index r = part.begin; r < part.end; ++r) {
        to_words(h_prev + r * stride, stride, h_words + r * words_of(stride));
    }
}

// The gates of the chunk, which no tape has kept.
template <class C>
void WayBack<C>::compute_gates(const Mine& mine) const noexcept {
    const Range part = part_of(mine.chunk.rows, mine.thread, mine.team);
    const StepRows at{.x = gates_read_words ? x_words : mine.x,
                      .x_row = words_of(features),
                      .h_words = h_words,
                      .h_prev = h_prev,
                      .c_prev = c_prev,
                      .h = unused,
                      .c = unused + room * stride,
                      .tape = own_tape,
                      .let_in = let_in,
                      .let_in_words = let_in_words};
    step<C>(w, at, part, {0, gates.count});
    if constexpr (C::kTwice) second_step<C>(w, at, part, {0, gates.count});
}

// What the caller asks of the state after step s: of h at each, and of the final state where rows end.
template <class C>
void WayBack<C>::take_asked(const Mine& mine, Index s) const noexcept {
    const Index t = step_at(timeline, s);
    const Index going = active_at(timeline, s + 1);
    const Range here = within(mine.rows, {0, timeline.active[t]});
    for (Index b = here.begin; b < here.end; ++b) {
        float* const to = asked + b * stride;
        copy_padded(call.grad_out.data == nullptr ? nullptr : row_at(timeline, call.grad_out, t, b), hidden, mine.units,
                    to);
        if (b < going) continue;
        const Index row = caller_row(timeline, b) * hidden;
        if (call.grad_h_n != nullptr) {
            const Index last = mine.units.end < hidden ? mine.units.end : hidden;
            for (Index i = mine.units.begin; i < last; ++i) to[i] += call.grad_h_n[row + i];
        }
        if constexpr (C::kCarry) {
            copy_padded(C::kMemory && call.grad_c_n != nullptr ? call.grad_c_n + row : nullptr, hidden, mine.units,
                        carry + b * stride);
        }
    }
}

// Rows that go on after step s ask through the gates of the next step; for the others it is the first, or the last.
template <class C>
void WayBack<C>::step_back(const Mine& mine, Index s) const noexcept {
    const Index active = active_at(timeline, s);
    const Index active_next = active_at(timeline, s + 1);
    const Index going = active < active_next ? active : active_next;
    const Range on = within(mine.rows, {0, going});
    const Range ending = within(mine.rows, {going, active});
    const int most = tile_rows(units.vectors);
    for (Index p = mine.panels.begin; p < mine.panels.end; ++p) {
        in_tiles(on.begin, on.end, most, [&](Index first, int count) { units_back(mine, s, p, first, count, true); });
        in_tiles(ending.begin, ending.end, most,
                 [&](Index first, int count) { units_back(mine, s, p, first, count, false); });
    }
}

// Rows [first, first + count) of a panel of units.
template <class C>
void WayBack<C>::units_back(const Mine& mine, Index s, Index panel, Index first, int count,
                            bool goes_on) const noexcept {
    alignas(64) Sums sums;
    const Index offset = offset_in(timeline, mine.chunk, s);
    const float* const c_here = C::kMemory ? c_tape + mine.chunk.base * stride : nullptr;
    float* const to_deltas = deltas[mine.turn];
    // What was written long ago is fetched while the product runs.
    const Index first_unit = panel * units.stride();
    for (Index number = offset + first; number < offset + first + count; ++number) {
        fetch(mine.tape + number * tape_row + first_unit * C::kTape, units.width(panel) * C::kTape);
        if constexpr (C::kMemory) fetch(c_here + number * stride + first_unit, units.width(panel));
    }
    if (goes_on) through_gates(mine.next, panel, first, count, sums);
    for (Index m = 0; m < count; ++m) {
        const Index b = first + m;
        const Index number = offset + b;
        const bool cut = goes_on && is_reset(timeline, step_at(timeline, s + 1), b);
        for (Index v = 0; v < units.of(panel); ++v) {
            const Index block = panel * kPanelVectors + v;
            const Index unit = block * kLanes;
            float* const carried = C::kCarry ? carry + b * stride + unit : nullptr;
            if (cut && C::kCarry) store(carried, Vec{});
            const Index to_panel = C::kGates == 1 ? panel : block;
            const Index to_vector = C::kGates == 1 ? v : 0;
            float* const to = to_deltas + to_panel * deltas_panel + number * kWidth + to_vector * kLanes;
            C::backward({.product = goes_on && !cut ? load(sums + m * units.stride() + v * kLanes) : Vec{},
                         .grad = asked + b * stride + unit,
                         .tape = mine.tape + number * tape_row + block * C::kTape * kLanes,
                         .h_prev = h_prev + number * stride + unit,
                         .c_prev = C::kMemory ? c_prev + number * stride + unit : nullptr,
                         .c = C::kMemory ? c_here + number * stride + unit : nullptr,
                         .peephole = C::kPeephole ? peephole + unit : nullptr,
                         .hidden_stride = stride,
                         .carry = carried,
                         .deltas = to});
            keep_words(mine, to);
        }
    }
}

// dL/dh of rows [first, first + count) through the gates of their next step, `next` being row 0 of that.
template <class C>
void WayBack<C>::through_gates(const float* next, Index panel, Index first, int count, float* sums) const noexcept {
    product(count, units.of(panel),
            {.a = next + first * kWordsWidth + words_of(C::kStateDelta * kLanes),
             .a_row = kWordsWidth,
             .segments = gates.count,
             .a_segment = words_panel,
             .depth = words_of(state_gates.stride()),
             .last_depth = words_of(state_gates.last * kLanes),
             .b = to_state + panel * units.stride() * words_of(state_gates.columns()),
             .b_k = units.width(panel),
             .c = sums,
             .c_row = units.stride()});
}

// The rest of a step of a cell with kTwice, once all deltas of the gate that waited are there.
template <class C>
void WayBack<C>::second_step_back(const Mine& mine, Index s) const noexcept {
    const Index offset = offset_in(timeline, mine.chunk, s);
    const Range here = within(mine.rows, {0, active_at(timeline, s)});
    for (Index p = mine.panels.begin; p < mine.panels.end; ++p) {
        in_tiles(here.begin, here.end, tile_rows(units.vectors), [&](Index first, int count) {
            alignas(64) Sums sums;
            product(count, units.of(p),
                    {.a = words_at(mine, s) + first * kWordsWidth,
                     .a_row = kWordsWidth,
                     .segments = gates.count,
                     .a_segment = words_panel,
                     .depth = words_of(kLanes),
                     .last_depth = words_of(kLanes),
                     .b = to_let_in + p * units.stride() * words_of(second_gate.columns()),
                     .b_k = units.width(p),
                     .c = sums,
                     .c_row = units.stride()});
            for (Index m = 0; m < count; ++m) {
                const Index b = first + m;
                const Index number = offset + b;
                for (Index v = 0; v < units.of(p); ++v) {
                    const Index block = p * kPanelVectors + v;
                    const Index unit = block * kLanes;
                    float* const to = deltas[mine.turn] + block * deltas_panel + number * kWidth;
                    const Vec was_let_in =
                        C::backward_second(load(sums + m * units.stride() + v * kLanes),
                                           mine.tape + number * tape_row + block * C::kTape * kLanes,
                                           h_prev + number * stride + unit, carry + b * stride + unit, to);
                    store(let_in + number * stride + unit, was_let_in);
                    keep_words(mine, to);
                }
            }
        });
    }
}

// The gradient of the initial state of rows that have their first step at s.
template <class C>
void WayBack<C>::finish(const Mine& mine, Index s, Range starting) const noexcept {
    const Index t = step_at(timeline, s);
    const Range rows = within(mine.rows, starting);
    for (Index p = mine.panels.begin; p < mine.panels.end; ++p) {
        in_tiles(rows.begin, rows.end, tile_rows(units.vectors), [&](Index first, int count) {
            alignas(64) Sums sums;
            through_gates(mine.next, p, first, count, sums);
            const Index unit = p * units.stride();
            const Index end = hidden - unit < units.stride() ? hidden - unit : units.stride();
            for (Index m = 0; m < count; ++m) {
                const Index b = first + m;
                const Index row = caller_row(timeline, b) * hidden;
                const bool cut = is_reset(timeline, t, b);
                for (Index i = 0; i < end; ++i) {
                    const float sum = sums[m * units.stride() + i];
                    const float carried = C::kCarry ? carry[b * stride + unit + i] : 0.0F;
                    const float grad = C::kCarry && !C::kMemory ? sum + carried : sum;
                    if (call.grad_h0 != nullptr) call.grad_h0[row + unit + i] = cut ? 0.0F : grad;
                    if constexpr (C::kMemory) {
                        if (call.grad_c0 != nullptr) call.grad_c0[row + unit + i] = cut ? 0.0F : carried;
                    }
                }
            }
        });
    }
}

}  // namespace recurra::core::RECURRA_ISA
