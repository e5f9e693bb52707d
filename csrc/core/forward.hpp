#pragma once

#include "core/sharing.hpp"
#include "core/step.hpp"
#include "core/workspace.hpp"

// A whole sequence through one layer. Steps are taken in chunks, so that what the input gives to the gates of a chunk,
// computed by one product, is still in the cache when the recurrence reads it.
namespace recurra::core::RECURRA_ISA {

// Floats of the input's share of the gates at a time, for all threads: a usual second-level cache. But so many rows
// that W_ih, which may not stay in that cache, is read seldom.
inline constexpr Index kChunkFloats = Index{128} * 1024;
inline constexpr Index kChunkRows = 256;
// Up to so many features that share is computed step by step: it costs less than storing and reading it.
inline constexpr Index kFewFeatures = 16;

// Units of gate panels [begin, end), in padded rows.
template <class C>
[[gnu::always_inline]] inline Range units_of(Range panels, Index hidden_stride) noexcept {
    constexpr Index kBlocks = C::kGates == 1 ? kPanelVectors : 1;
    return within({panels.begin * kBlocks * kLanes, panels.end * kBlocks * kLanes}, {0, hidden_stride});
}

template <class C>
void forward(const Forward& call, const Timeline& timeline) {
    const Layer& layer = call.layer;
    Workspace workspace;
    const bool is_packed = call.packed != nullptr;
    float* const packed =
        is_packed ? const_cast<float*>(call.packed) : workspace.floats(packed_floats<C, WordWeights>(layer));
    const auto w = laid_out<C, WordWeights>(layer, packed);
    const Index stride = w.hidden_stride;
    const Index tape_row = blocks_of(layer.hidden) * C::kTape * kLanes;
    const bool keeps_gates = call.tape != nullptr && !call.recompute && !C::kTapeIsOutput;
    const bool keeps_c = call.tape != nullptr && C::kMemory;
    float* const c_tape = keeps_c ? call.tape + (keeps_gates ? timeline.total * tape_row : 0) : nullptr;

    // Step s reads h[s % 2] and writes the other.
    float* h[2] = {workspace.floats(timeline.rows * stride), workspace.floats(timeline.rows * stride)};
    // The same in words, if those are not floats.
    const Index words_row = words_of(stride);
    float* h_words[2] = {h[0], h[1]};
    if constexpr (kInWord != 1) {
        for (float*& words : h_words) words = workspace.floats(timeline.rows * words_row);
    }
    // Of a cell with kTwice, what is let in, and r, z, n where no tape keeps them.
    float* const let_in = C::kTwice ? workspace.floats(timeline.rows * stride) : nullptr;
    float* const let_in_words = C::kTwice && kInWord != 1 ? workspace.floats(timeline.rows * words_row) : let_in;
    float* const no_tape = C::kTwice && !keeps_gates ? workspace.floats(timeline.rows * tape_row) : nullptr;
    float* const c = C::kMemory ? workspace.floats(timeline.rows * stride) : nullptr;

    const bool step_by_step = layer.features <= kFewFeatures;
    const Index columns = w.panels.room();
    const Index fitting = kChunkFloats / columns;
    const Index room = most_rows(timeline, fitting > kChunkRows ? fitting : kChunkRows);
    const Index x_row = words_of(layer.features);
    const bool in_order = kInWord == 1 && lies_in_order(timeline, call.x, layer.features);
    float* const gathered = in_order ? nullptr : workspace.floats(room * x_row);
    float* const gates = step_by_step ? nullptr : workspace.floats(room * columns);
    const Index gates_panel = room * w.panels.stride();

    const Sharing sharing = sharing_of(timeline, columns * layer.hidden, w.panels.count, call.threads);
    Barrier barrier;
    auto body = [&](int thread, int team) {
        const NoDenormals no_denormals;
        const int lone = sharing.by_rows ? 1 : team;  // how many wait for each other at each step
        const Range rows = sharing.by_rows ? rows_of(timeline, thread, team) : Range{0, timeline.rows};
        const Range panels = sharing.by_rows ? Range{0, w.panels.count} : part_of(w.panels.count, thread, team);
        const Range units = units_of<C>(panels, stride);
        const Range gathers = sharing.by_rows ? rows : part_of(timeline.rows, thread, team);

        if (!is_packed) pack_weights<C>(call.weights, w, thread, team);
        for (Index b = rows.begin; b < rows.end; ++b) {
            const Index row = caller_row(timeline, b) * layer.hidden;
            const float* h0 = call.h0 == nullptr ? nullptr : call.h0 + row;
            for (const Index turn : {0, 1}) {
                copy_padded(h0, layer.hidden, units, h[turn] + b * stride);
                words_of_row(h[turn] + b * stride, units, h_words[turn] + b * words_row);
            }
            const float* c0 = call.c0 == nullptr ? nullptr : call.c0 + row;
            if constexpr (C::kMemory) copy_padded(c0, layer.hidden, units, c + b * stride);
            if (timeline.total == 0 || b >= timeline.active[0]) {
                copy_row(h0, layer.hidden, units, call.h_n + row);
                if constexpr (C::kMemory) copy_row(c0, layer.hidden, units, call.c_n + row);
            }
        }
        if (thread == 0 || sharing.by_rows) {
            blank_padding(timeline, call.out, layer.hidden, rows);
        }
        barrier.wait(team);

        for (Chunk chunk{}; chunk.end < timeline.time;) {
            chunk = chunk_from(timeline, chunk.end, room);
            const float* x = in_order ? call.x.data + chunk.base * x_row : gathered;
            if (!in_order) {
                gather_words(timeline, call.x, chunk, gathers, layer.features, gathered);
                barrier.wait(lone);
            }
            if (!step_by_step) {
                // Panel by panel, so that each is read from memory once for the whole chunk.
                for (Index p = panels.begin; p < panels.end; ++p) {
                    if (rows.end - rows.begin == timeline.rows) {
                        input_gates(w, x, {0, chunk.rows}, p, gates, gates_panel);
                        continue;
                    }
                    for (Index s = chunk.begin; s < chunk.end; ++s) {
                        const Range here = within(rows, {0, active_at(timeline, s)});
                        const Index offset = offset_in(timeline, chunk, s);
                        input_gates(w, x, {offset + here.begin, offset + here.end}, p, gates, gates_panel);
                    }
                }
            }
            for (Index s = chunk.begin; s < chunk.end; ++s) {
                const Index t = step_at(timeline, s);
                const Range here = within(rows, {0, timeline.active[t]});
                float* const before = h[s % 2];
                float* const after = h[(s + 1) % 2];
                if (timeline.resets != nullptr) {
                    for (Index b = here.begin; b < here.end; ++b) {
                        if (!is_reset(timeline, t, b)) continue;
                        copy_padded(nullptr, layer.hidden, units, before + b * stride);
                        words_of_row(before + b * stride, units, h_words[s % 2] + b * words_row);
                        if constexpr (C::kMemory) copy_padded(nullptr, layer.hidden, units, c + b * stride);
                    }
                    barrier.wait(lone);
                }
                const Index offset = offset_in(timeline, chunk, s);
                const Index number = timeline.start[t];
                const StepRows at{.gates = step_by_step ? nullptr : gates + offset * w.panels.stride(),
                                  .gates_panel = gates_panel,
                                  .x = x + offset * x_row,
                                  .x_row = x_row,
                                  .h_words = h_words[s % 2],
                                  .h_prev = before,
                                  .c_prev = c,
                                  .h = after,
                                  .h_words_next = h_words[(s + 1) % 2],
                                  .c = c,
                                  .tape = keeps_gates ? call.tape + number * tape_row : no_tape,
                                  .c_tape = keeps_c ? c_tape + number * stride : nullptr,
                                  .let_in = let_in,
                                  .let_in_words = let_in_words};
                step<C>(w, at, here, panels);
                if constexpr (C::kTwice) {
                    barrier.wait(lone);
                    second_step<C>(w, at, here, panels);
                }
                const Index go_on = active_at(timeline, s + 1);
                for (Index b = here.begin; b < here.end; ++b) {
                    copy_row(after + b * stride, layer.hidden, units, row_at(timeline, call.out, t, b));
                    if (b < go_on) continue;
                    const Index row = caller_row(timeline, b) * layer.hidden;
                    copy_row(after + b * stride, layer.hidden, units, call.h_n + row);
                    if constexpr (C::kMemory) copy_row(c + b * stride, layer.hidden, units, call.c_n + row);
                }
                barrier.wait(lone);
            }
            // Where rows end or begin, a thread's rows of the next chunk may lie where another still reads this one's.
            if (timeline.total != timeline.time * timeline.rows) barrier.wait(team);
        }
    };
    run_team(sharing.threads, body);
}

}  // namespace recurra::core::RECURRA_ISA
