#pragma once

#include "core/forward.hpp"
#include "core/sums.hpp"

// Backpropagation through time, chunk by chunk from the last step to the first. For each chunk
//   1. what its steps read is gathered: x, the state before, and, where the tape has none, the gates (computed again);
//   2. the recurrence goes back step by step and writes the deltas, dL/d(inside of each gate), of the whole chunk;
//   3. products over all its rows at once give dL/dx and add to dL/dW.
// The recurrence is shared as in `forward`. The products are shared by rows (dL/dx) and by panels (dL/dW); their sums
// run over the chunk's rows from first to last, whoever computed those, so that no result depends on who does what.
namespace recurra::core::RECURRA_ISA {

// Floats of a chunk's deltas, for all threads: they are to stay in the cache until the products have read them.
inline constexpr Index kDeltaFloats = Index{256} * 1024;

// A layer's way back. The members are what all threads of a call share; where words are floats, what is kept in words
// is the floats themselves. Phases are in the order in which they are called; `team` waits between them.
template <class C>
struct WayBack {
    static constexpr bool kFloats = kInWord == 1;
    static constexpr Index kWidth = kDeltaWidth<C>;
    static constexpr Index kWordsWidth = words_of(kWidth);

    // What a thread does of each phase, and where it is.
    struct Mine {
        int thread;
        int team;
        int lone;       // how many wait for each other at each step
        Range rows;     // of the recurrence
        Range panels;   // of units, of the recurrence
        Range units;    // those of the panels, in padded rows
        Range gathers;  // rows
        Chunk chunk{};
        int turn = 1;              // of the chunk's deltas
        const float* x = nullptr;  // of the chunk
        const float* tape = nullptr;
        const float* next = nullptr;  // row 0 of the deltas of the step after, in words
    };

    WayBack(const Backward& of, const Timeline& through) : call(of), timeline(through) {
        if (timeline.total == 0) clear_sums();
    }
    void operator()(int thread, int team);

    [[nodiscard]] Mine part_of_thread(int thread, int team) const noexcept;
    void pack(const Mine& mine) const noexcept;
    void hand_on_idle(const Mine& mine) const noexcept;
    void gather_chunk(Mine& mine) const noexcept;
    void words_for_gates(const Mine& mine) const noexcept;
    void compute_gates(const Mine& mine) const noexcept;
    void take_asked(const Mine& mine, Index s) const noexcept;
    void step_back(const Mine& mine, Index s) const noexcept;
    void second_step_back(const Mine& mine, Index s) const noexcept;
    void finish(const Mine& mine, Index s, Range starting) const noexcept;
    void input_gradients(const Mine& mine) const noexcept;
    void pair_rows(const Mine& mine) const noexcept;
    void add_sums(const Mine& mine) const noexcept;
    void unpack(const Mine& mine) const noexcept;

    void clear_sums() const noexcept;
    // What a tile of units sums into.
    using Sums = float[8 * kPanelVectors * kLanes];
    void through_gates(const float* next, Index panel, Index first, int count, float* sums) const noexcept;
    void units_back(const Mine& mine, Index s, Index panel, Index first, int count, bool goes_on) const noexcept;
    // Row 0 of step s, among the chunk's deltas in words.
    [[nodiscard]] const float* words_at(const Mine& mine, Index s) const noexcept {
        return delta_words[mine.turn] + offset_in(timeline, mine.chunk, s) * kWordsWidth;
    }
    void keep_words(const Mine& mine, const float* written) const noexcept {
        if constexpr (!kFloats) {
            to_words(written, C::kDeltas * kLanes, delta_words[mine.turn] + words_of(written - deltas[mine.turn]));
        }
    }
    [[nodiscard]] float* floats(bool wanted, Index count) { return wanted ? workspace.floats(count) : nullptr; }

    const Backward& call;
    const Timeline& timeline;
    Workspace workspace;
    Barrier barrier;

    const Index hidden = call.layer.hidden;
    const Index features = call.layer.features;
    const Index stride = blocks_of(hidden) * kLanes;
    const Index tape_row = blocks_of(hidden) * C::kTape * kLanes;
    const Panels gates = gate_panels<C>(hidden);
    const Panels units = plain_panels(hidden);
    const Panels inputs = plain_panels(features);
    // Of the gates that the product with the state gives; of a cell with kTwice, and the one that the second gives.
    const Panels state_gates = C::kTwice ? Panels{gates.count, C::kStateGates, C::kStateGates} : gates;
    const Panels second_gate{gates.count, 1, 1};
    const Sharing sharing = sharing_of(timeline, gates.columns() * hidden, units.count, call.threads);

    const bool wants_x = call.grad_x.data != nullptr;
    const bool wants_ih = call.grad_w_ih != nullptr;
    const bool wants_hh = call.grad_w_hh != nullptr;
    const bool wants_bias = call.grad_b_ih != nullptr || call.grad_b_hh != nullptr;
    const bool wants_peephole = C::kPeephole && call.grad_peephole != nullptr;
    const bool computes_gates = call.recompute && !C::kTapeIsOutput;
    const bool x_in_order = lies_in_order(timeline, call.x, features);
    const bool gates_read_words = computes_gates && !kFloats;

    // Deltas of two chunks: the first step of one is read by the last of the next.
    const Index room = most_rows(timeline, kDeltaFloats / (gates.count * kWidth));
    const Index deltas_panel = room * kWidth;
    const Index words_panel = words_of(deltas_panel);
    float* const deltas[2] = {workspace.floats(gates.count * deltas_panel),
                              workspace.floats(gates.count * deltas_panel)};
    float* const delta_words[2] = {kFloats ? deltas[0] : workspace.floats(gates.count * words_panel),
                                   kFloats ? deltas[1] : workspace.floats(gates.count * words_panel)};
    // Weights.
    float* const to_state = workspace.floats(units.room() * words_of(state_gates.columns()));
    float* const to_let_in = floats(C::kTwice, units.room() * words_of(second_gate.columns()));
    float* const to_input = floats(wants_x, inputs.room() * words_of(gates.columns()));
    float* const peephole = floats(C::kPeephole, 3 * stride);
    const WordWeights w = computes_gates ? laid_out<C, WordWeights>(
                                               call.layer, workspace.floats(packed_floats<C, WordWeights>(call.layer)))
                                         : WordWeights{};
    // What a chunk's steps read.
    const float* const c_tape = C::kMemory ? call.tape + (call.recompute ? 0 : timeline.total * tape_row) : nullptr;
    float* const gathered = floats(!x_in_order, room* features);
    float* const h_prev = workspace.floats(room * stride);
    float* const c_prev = floats(C::kMemory, room* stride);
    float* const own_tape = floats(computes_gates || C::kTapeIsOutput, room* tape_row);
    float* const let_in = floats(C::kTwice, room* stride);
    // What the gates are computed from again, and what of that nobody asks for.
    float* const x_words = floats(gates_read_words, room* words_of(features));
    float* const h_words = gates_read_words ? workspace.floats(room * words_of(stride)) : h_prev;
    float* const let_in_words = C::kTwice && gates_read_words ? workspace.floats(room * words_of(stride)) : let_in;
    float* const unused = floats(computes_gates, 2 * room * stride);
    // For sums over rows, two rows in a word.
    const Index pairs = (room + 1) / 2;
    float* const delta_pairs = floats(!kFloats, gates.count * pairs * kWidth);
    float* const h_pairs = floats(!kFloats, pairs* stride);
    float* const x_pairs = floats(!kFloats, pairs* features);
    float* const let_in_pairs = floats(!kFloats && C::kTwice, pairs* stride);
    // Of all rows, at one step: what is asked of h, and what comes straight from the step after.
    float* const asked = workspace.floats(timeline.rows * stride);
    float* const carry = floats(C::kCarry, timeline.rows* stride);
    // Over all steps.
    float* const sums_ih = floats(wants_ih, gates.columns() * features);
    float* const sums_hh = floats(wants_hh, state_gates.columns() * hidden);
    float* const second_sums = floats(wants_hh && C::kTwice, second_gate.columns() * hidden);
    float* const bias_sums = floats(wants_bias, gates.count* kWidth);
    float* const peephole_sums = floats(wants_peephole, 3 * stride);
};

// What one thread of a team does, and where it waits for the others.
template <class C>
void WayBack<C>::operator()(int thread, int team) {
    const NoDenormals no_denormals;
    Mine mine = part_of_thread(thread, team);
    pack(mine);
    hand_on_idle(mine);
    barrier.wait(team);
    while (mine.chunk.begin > 0) {
        gather_chunk(mine);
        if (computes_gates) {
            barrier.wait(team);
            if constexpr (!kFloats) {
                words_for_gates(mine);
                barrier.wait(team);
            }
            compute_gates(mine);
            barrier.wait(team);
        }
        barrier.wait(mine.lone);
        for (Index s = mine.chunk.end - 1; s >= mine.chunk.begin; --s) {
            const Index active = active_at(timeline, s);
            const Index active_next = active_at(timeline, s + 1);
            if (active_next > active) finish(mine, s + 1, {active, active_next});
            take_asked(mine, s);
            step_back(mine, s);
            if constexpr (C::kTwice) {
                barrier.wait(mine.lone);
                second_step_back(mine, s);
            }
            mine.next = words_at(mine, s);
            barrier.wait(mine.lone);
        }
        if (mine.chunk.begin == 0) finish(mine, 0, {0, active_at(timeline, 0)});
        barrier.wait(team);
        if (wants_x) input_gradients(mine);
        if constexpr (!kFloats) {
            pair_rows(mine);
            barrier.wait(team);
        }
        add_sums(mine);
        barrier.wait(team);
    }
    unpack(mine);
}

template <class C>
typename WayBack<C>::Mine WayBack<C>::part_of_thread(int thread, int team) const noexcept {
    const Range all_rows{0, timeline.rows};
    const Range all_panels{0, units.count};
    const Range panels = sharing.by_rows ? all_panels : part_of(units.count, thread, team);
    const Range rows = sharing.by_rows ? rows_of(timeline, thread, team) : all_rows;
    return {.thread = thread,
            .team = team,
            .lone = sharing.by_rows ? 1 : team,
            .rows = rows,
            .panels = panels,
            .units = within({panels.begin * units.stride(), panels.end * units.stride()}, {0, stride}),
            .gathers = sharing.by_rows ? rows : part_of(timeline.rows, thread, team),
            .chunk = {timeline.time, timeline.time}};
}

template <class C>
void WayBack<C>::pack(const Mine& mine) const noexcept {
    const Weights& from = call.weights;
    const Range part = part_of(units.count, mine.thread, mine.team);
    pack_backward<C>(from.w_hh, hidden, hidden, state_gates, 0, part.begin, part.end, to_state);
    if constexpr (C::kTwice) {
        pack_backward<C>(from.w_hh, hidden, hidden, second_gate, C::kGates - 1, part.begin, part.end, to_let_in);
    }
    if (wants_x) {
        const Range of_inputs = part_of(inputs.count, mine.thread, mine.team);
        pack_backward<C>(from.w_ih, hidden, features, gates, C::kInputGate, of_inputs.begin, of_inputs.end, to_input);
    }
    if (computes_gates) pack_weights<C>(from, w, mine.thread, mine.team);
    if (C::kPeephole && mine.thread == 0) pack_peepholes(from.peephole, hidden, peephole);
}

// Rows without steps hand on what is asked of their state; and steps that nobody takes ask nothing of x.
template <class C>
void WayBack<C>::hand_on_idle(const Mine& mine) const noexcept {
    const Range idle = within(mine.rows, {timeline.total == 0 ? 0 : timeline.active[0], timeline.rows});
    for (Index b = idle.begin; b < idle.end; ++b) {
        const Index row = caller_row(timeline, b) * hidden;
        const auto hand_on = [&](const float* from, float* to) {
            if (to != nullptr) copy_row(from == nullptr ? nullptr : from + row, hidden, mine.units, to + row);
        };
        hand_on(call.grad_h_n, call.grad_h0);
        if constexpr (C::kMemory) hand_on(call.grad_c_n, call.grad_c0);
    }
    if (wants_x && (mine.thread == 0 || sharing.by_rows)) {
        blank_padding(timeline, call.grad_x, features, mine.rows);
    }
}

}  // namespace recurra::core::RECURRA_ISA
