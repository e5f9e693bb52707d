#pragma once

#include "core/forward.hpp"

// Backpropagation through time, chunk by chunk from the last step to the first. For each chunk
//   1. what its steps read is gathered: x, the state before, and, where the tape has none, the gates (computed again);
//   2. the recurrence goes back step by step and writes the deltas, dL/d(inside of each gate), of the whole chunk;
//   3. products over all its rows at once give dL/dx and add to dL/dW.
// The recurrence is shared as in `forward`. The products are shared by rows (dL/dx) and by panels (dL/dW); their sums
// run over the chunk's rows from first to last, whoever computed those, so that no result depends on who does what.
namespace recurra::core::RECURRA_ISA {

// Floats of a chunk's deltas, for all threads: they are to stay in the cache until the products have read them.
inline constexpr Index kDeltaFloats = Index{256} * 1024;
// Rows of a product over rows at a time: so many of one panel stay in the first-level cache.
inline constexpr Index kRowsAtATime = 128;
inline constexpr Index kBiasRows = 16;

// Asks for memory that is soon to be read.
[[gnu::always_inline]] inline void fetch(const float* from, Index count) noexcept {
    constexpr Index kLine = 16;
    for (Index i = 0; i < count; i += kLine) __builtin_prefetch(from + i);
}

// Adds to dL/dW, laid as pack_gates lays W, and to the sums of deltas, what a chunk gives. `rows`, those of factors and
// of deltas, are words of two rows each where words are not floats.
struct WeightSums {
    Index depth;           // columns of W
    int first_delta;       // of the deltas in a panel
    const float* factors;  // (rows, depth), what W was multiplied with
    Index factors_row;
    float* sums;  // (panel, depth, vector, lane)
};

// Units of work: panels times tiles of W's columns. Those in [begin, end).
template <class C>
void add_weight_sums(const WeightSums& to, const Panels& panels, const float* deltas, Index deltas_panel, Index rows,
                     bool is_first, Range work) noexcept {
    constexpr Index kWidth = (C::kGates == 1 ? kPanelVectors : C::kDeltas) * kLanes;
    const int most = tile_rows(panels.vectors);
    const Index tiles = (to.depth + most - 1) / most;
    for (Index unit = work.begin; unit < work.end;) {
        const Index p = unit / tiles;
        const Range tile{unit - p * tiles, work.end - p * tiles < tiles ? work.end - p * tiles : tiles};
        unit = p * tiles + tile.end;
        const Index stride = panels.width(p);
        for (Index r = 0; r < rows; r += kRowsAtATime) {
            const Index depth = rows - r < kRowsAtATime ? rows - r : kRowsAtATime;
            for (Index i = tile.begin; i < tile.end; ++i) {
                const Range columns = part_of(to.depth, i, tiles);
                product_over_rows(static_cast<int>(columns.end - columns.begin), panels.of(p),
                                  {.a = to.factors + r * to.factors_row + columns.begin,
                                   .a_row = 1,
                                   .a_k = to.factors_row,
                                   .depth = depth,
                                   .last_depth = depth,
                                   .b = deltas + p * deltas_panel + r * kWidth + to.first_delta * kLanes,
                                   .b_k = kWidth,
                                   .c = to.sums + p * panels.stride() * to.depth + columns.begin * stride,
                                   .c_row = stride,
                                   .add = !is_first || r > 0});
            }
        }
    }
}

// Adds to (panel, vector, lane) the sum of deltas over rows, panels [begin, end).
template <class C>
void add_bias_sums(float* sums, const Panels& panels, const float* deltas, Index deltas_panel, Index rows,
                   bool is_first, Range range) noexcept {
    constexpr Index kVectors = C::kGates == 1 ? kPanelVectors : C::kDeltas;
    for (Index p = range.begin; p < range.end; ++p) {
        for (Index v = 0; v < (C::kGates == 1 ? panels.of(p) : C::kDeltas); ++v) {
            const float* from = deltas + p * deltas_panel + v * kLanes;
            float* const to = sums + (p * kVectors + v) * kLanes;
            // Sums of sums of sums: long ones lose digits.
            Vec of_chunk{};
            for (Index r = 0; r < rows; r += kBiasRows) {
                const Index end = rows - r < kBiasRows ? rows : r + kBiasRows;
                Vec sum{};
                for (Index row = r; row < end; ++row) sum += load(from + row * kVectors * kLanes);
                of_chunk += sum;
            }
            store(to, is_first ? of_chunk : load(to) + of_chunk);
        }
    }
}

// Adds to (gate, unit) dL/d(peephole): i and f looked at c before the step, o at c after it. Blocks [begin, end).
template <class C>
void add_peephole_sums(float* sums, Index stride, const float* deltas, Index deltas_panel, const float* c_prev,
                       const float* c, Index rows, bool is_first, Range blocks) noexcept {
    for (Index p = blocks.begin; p < blocks.end; ++p) {
        const float* from = deltas + p * deltas_panel;
        Vec sum[3] = {};
        for (Index row = 0; row < rows; ++row, from += C::kDeltas * kLanes) {
            const Vec before = load(c_prev + row * stride + p * kLanes);
            sum[0] += load(from) * before;
            sum[1] += load(from + kLanes) * before;
            sum[2] += load(from + 3 * kLanes) * load(c + row * stride + p * kLanes);
        }
        for (Index gate = 0; gate < 3; ++gate) {
            float* const to = sums + gate * stride + p * kLanes;
            store(to, is_first ? sum[gate] : load(to) + sum[gate]);
        }
    }
}

template <class C>
void backward(const Backward& call, const Timeline& timeline) {
    constexpr Index kWidth = (C::kGates == 1 ? kPanelVectors : C::kDeltas) * kLanes;  // of a row in a panel of deltas
    const Layer& layer = call.layer;
    const Index hidden = layer.hidden;
    const Index features = layer.features;
    const Index stride = blocks_of(hidden) * kLanes;
    const Index tape_row = blocks_of(hidden) * C::kTape * kLanes;
    const Panels gate_columns = gate_panels<C>(hidden);
    const Panels unit_columns = plain_panels(hidden);
    const Panels feature_columns = plain_panels(features);
    // Of the gates that the product with the state gives; of a cell with kTwice, and the one that the second gives.
    const Panels state_columns = C::kTwice ? Panels{gate_columns.count, C::kStateGates, C::kStateGates} : gate_columns;
    const Panels second_columns{gate_columns.count, 1, 1};
    const Index state_depth = ((state_columns.count - 1) * state_columns.vectors + state_columns.last) * kLanes;
    const Index second_depth = second_columns.count * kLanes;
    const Index columns = ((gate_columns.count - 1) * gate_columns.vectors + gate_columns.last) * kLanes;

    const bool wants_x = call.grad_x.data != nullptr;
    const bool wants_ih = call.grad_w_ih != nullptr;
    const bool wants_hh = call.grad_w_hh != nullptr;
    const bool wants_bias = call.grad_b_ih != nullptr || call.grad_b_hh != nullptr;
    const bool wants_peephole = C::kPeephole && call.grad_peephole != nullptr;
    const bool computes_gates = call.recompute && !C::kTapeIsOutput;

    Workspace workspace;
    const Index room = most_rows(timeline, kDeltaFloats / (gate_columns.count * kWidth));
    const Index deltas_panel = room * kWidth;
    // Two chunks of deltas: the first step of one is read by the last of the next.
    float* const deltas[2] = {workspace.floats(gate_columns.count * deltas_panel),
                              workspace.floats(gate_columns.count * deltas_panel)};
    // The same in words, if those are not floats.
    const Index words_panel = words_of(deltas_panel);
    const Index words_width = words_of(kWidth);
    float* delta_words[2] = {deltas[0], deltas[1]};
    if constexpr (kInWord != 1) {
        for (float*& words : delta_words) words = workspace.floats(gate_columns.count * words_panel);
    }
    float* const to_state = workspace.floats(unit_columns.count * unit_columns.stride() * words_of(state_depth));
    float* const to_let_in =
        C::kTwice ? workspace.floats(unit_columns.count * unit_columns.stride() * words_of(second_depth)) : nullptr;
    float* const to_input =
        wants_x ? workspace.floats(feature_columns.count * feature_columns.stride() * words_of(columns)) : nullptr;
    const bool x_in_order = lies_in_order(timeline, call.x, features);
    float* const gathered = x_in_order ? nullptr : workspace.floats(room * features);
    float* const h_prev = workspace.floats(room * stride);
    float* const c_prev = C::kMemory ? workspace.floats(room * stride) : nullptr;
    float* const own_tape = computes_gates || C::kTapeIsOutput ? workspace.floats(room * tape_row) : nullptr;
    // For sums over rows, two rows in a word, if words are not floats.
    const Index pairs_panel = (room + 1) / 2 * kWidth;
    float* delta_pairs = nullptr;
    float* h_pairs = nullptr;
    float* x_pairs = nullptr;
    float* let_in_pairs = nullptr;
    if constexpr (kInWord != 1) {
        delta_pairs = workspace.floats(gate_columns.count * pairs_panel);
        h_pairs = workspace.floats((room + 1) / 2 * stride);
        x_pairs = workspace.floats((room + 1) / 2 * features);
        if constexpr (C::kTwice) let_in_pairs = workspace.floats((room + 1) / 2 * stride);
    }
    float* const asked = workspace.floats(timeline.rows * stride);  // of h, at one step
    float* const carry = C::kCarry ? workspace.floats(timeline.rows * stride) : nullptr;
    float* const sums_ih = wants_ih ? workspace.floats(columns * features) : nullptr;
    float* const sums_hh = wants_hh ? workspace.floats(state_depth * hidden) : nullptr;
    float* const second_sums = wants_hh && C::kTwice ? workspace.floats(second_depth * hidden) : nullptr;
    float* const let_in = C::kTwice ? workspace.floats(room * stride) : nullptr;
    float* const let_in_words =
        C::kTwice && computes_gates && kInWord != 1 ? workspace.floats(room * words_of(stride)) : let_in;
    float* const bias_sums = wants_bias ? workspace.floats(gate_columns.count * kWidth) : nullptr;
    float* const peephole_sums = wants_peephole ? workspace.floats(3 * stride) : nullptr;
    float* const peephole = C::kPeephole ? workspace.floats(3 * stride) : nullptr;
    const PackedWeights w =
        computes_gates ? laid_out<C>(layer, workspace.floats(packed_floats<C>(layer))) : PackedWeights{};
    float* const unused = computes_gates ? workspace.floats(2 * room * stride) : nullptr;
    const bool needs_words = computes_gates && kInWord != 1;
    float* const x_words = needs_words ? workspace.floats(room * words_of(features)) : nullptr;
    float* const h_words = needs_words ? workspace.floats(room * words_of(stride)) : h_prev;

    const float* const c_tape = C::kMemory ? call.tape + (call.recompute ? 0 : timeline.total * tape_row) : nullptr;
    if (timeline.total == 0) {
        const auto clear = [](float* sums, Index size) {
            if (sums != nullptr) copy_padded(nullptr, 0, {0, size}, sums);
        };
        clear(sums_ih, columns * features);
        clear(sums_hh, state_depth * hidden);
        clear(second_sums, second_depth * hidden);
        clear(bias_sums, gate_columns.count * kWidth);
        clear(peephole_sums, 3 * stride);
    }

    const Sharing sharing = sharing_of(timeline, columns * hidden, unit_columns.count, call.threads);
    Barrier barrier;
    auto body = [&](int thread, int team) {
        const NoDenormals no_denormals;
        const int lone = sharing.by_rows ? 1 : team;
        const Range rows = sharing.by_rows ? rows_of(timeline, thread, team) : Range{0, timeline.rows};
        const Range panels = sharing.by_rows ? Range{0, unit_columns.count} : part_of(unit_columns.count, thread, team);
        const Range units =
            within({panels.begin * unit_columns.stride(), panels.end * unit_columns.stride()}, {0, stride});
        const Range gathers = sharing.by_rows ? rows : part_of(timeline.rows, thread, team);
        const Range all_units{0, stride};

        {
            const Range part = part_of(unit_columns.count, thread, team);
            pack_backward<C>(call.weights.w_hh, hidden, hidden, state_columns, 0, part.begin, part.end, to_state);
            if constexpr (C::kTwice) {
                pack_backward<C>(call.weights.w_hh, hidden, hidden, second_columns, C::kGates - 1, part.begin, part.end,
                                 to_let_in);
            }
            if (wants_x) {
                const Range inputs = part_of(feature_columns.count, thread, team);
                pack_backward<C>(call.weights.w_ih, hidden, features, gate_columns, C::kInputGate, inputs.begin,
                                 inputs.end, to_input);
            }
            if (computes_gates) pack_weights<C>(call.weights, w, thread, team);
            if (C::kPeephole && thread == 0) {
                for (Index gate = 0; gate < 3; ++gate) {
                    copy_padded(call.weights.peephole + gate * hidden, hidden, all_units, peephole + gate * stride);
                }
            }
            // Rows without steps hand on what is asked of their state.
            const Index first_idle = timeline.total == 0 ? 0 : timeline.active[0];
            const Range idle = within(rows, {first_idle, timeline.rows});
            for (Index b = idle.begin; b < idle.end; ++b) {
                const Index row = caller_row(timeline, b) * hidden;
                const auto hand_on = [&](const float* from, float* to) {
                    if (to != nullptr) copy_row(from == nullptr ? nullptr : from + row, hidden, units, to + row);
                };
                hand_on(call.grad_h_n, call.grad_h0);
                if constexpr (C::kMemory) hand_on(call.grad_c_n, call.grad_c0);
            }
            if (wants_x && (thread == 0 || sharing.by_rows)) blank_padding(timeline, call.grad_x, features, rows);
        }
        barrier.wait(team);

        // dL/dh of rows [first, first + count) through the gates of their next step, `next` being row 0 of that.
        const auto through_gates = [&](const float* next, Index panel, Index first, int count, float* sums) {
            product(count, unit_columns.of(panel),
                    {.a = next + first * words_width + words_of(C::kStateDelta * kLanes),
                     .a_row = words_width,
                     .segments = gate_columns.count,
                     .a_segment = words_panel,
                     .depth = words_of(state_columns.stride()),
                     .last_depth = words_of(state_columns.last * kLanes),
                     .b = to_state + panel * unit_columns.stride() * words_of(state_depth),
                     .b_k = unit_columns.width(panel),
                     .c = sums,
                     .c_row = unit_columns.stride()});
        };
        // The gradient of the initial state of rows that have their first step at s, `next` being row 0 of that.
        const auto finish = [&](Index s, Range range, const float* next) {
            const Index t = step_at(timeline, s);
            for (Index p = panels.begin; p < panels.end; ++p) {
                in_tiles(range.begin, range.end, tile_rows(unit_columns.vectors), [&](Index first, int count) {
                    alignas(64) float sums[8 * kPanelVectors * kLanes];
                    through_gates(next, p, first, count, sums);
                    const Index unit = p * unit_columns.stride();
                    for (Index m = 0; m < count; ++m) {
                        const Index b = first + m;
                        const Index row = caller_row(timeline, b) * hidden;
                        const bool cut = is_reset(timeline, t, b);
                        const Index end = hidden - unit < unit_columns.stride() ? hidden - unit : unit_columns.stride();
                        for (Index i = 0; i < end; ++i) {
                            const float sum = sums[m * unit_columns.stride() + i];
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
        };

        const float* next = nullptr;  // row 0 of the deltas of step s + 1, in words
        bool is_first = true;
        int turn = 0;
        for (Index end = timeline.time; end > 0; turn = 1 - turn) {
            const Chunk chunk = chunk_until(timeline, end, room);
            end = chunk.begin;
            float* const here_deltas = deltas[turn];
            float* const here_words = delta_words[turn];
            const float* x = x_in_order ? call.x.data + chunk.base * features : gathered;
            if (!x_in_order) gather(timeline, call.x, chunk, gathers, features, features, gathered);
            gather_previous(
                timeline, [&](Index t, Index b) { return row_at(timeline, call.out, t, b); }, call.h0, chunk, gathers,
                hidden, stride, h_prev);
            if constexpr (C::kMemory) {
                gather_previous(
                    timeline, [&](Index t, Index b) { return c_tape + (timeline.start[t] + b) * stride; }, call.c0,
                    chunk, gathers, hidden, stride, c_prev);
            }
            if constexpr (C::kTapeIsOutput) gather(timeline, call.out, chunk, gathers, hidden, stride, own_tape);
            if (computes_gates) {
                barrier.wait(team);
                const Range part = part_of(chunk.rows, thread, team);
                if (needs_words) {
                    gather_words(timeline, call.x, chunk, gathers, features, x_words);
                    for (Index r = part.begin; r < part.end; ++r) {
                        to_words(h_prev + r * stride, stride, h_words + r * words_of(stride));
                    }
                    barrier.wait(team);
                }
                const StepRows at{.x = needs_words ? x_words : x,
                                  .x_row = words_of(features),
                                  .h_words = h_words,
                                  .h_prev = h_prev,
                                  .c_prev = c_prev,
                                  .h = unused,
                                  .c = unused + room * stride,
                                  .tape = own_tape,
                                  .let_in = let_in,
                                  .let_in_words = let_in_words};
                step<C>(w, at, part, {0, gate_columns.count});
                if constexpr (C::kTwice) second_step<C>(w, at, part, {0, gate_columns.count});
                barrier.wait(team);
            }
            barrier.wait(lone);
            const float* const tape = own_tape != nullptr ? own_tape : call.tape + chunk.base * tape_row;

            for (Index s = chunk.end - 1; s >= chunk.begin; --s) {
                const Index t = step_at(timeline, s);
                const Index t_next = step_at(timeline, s + 1);
                const Index active = timeline.active[t];
                const Index active_next = timeline.active[t_next];
                const Index going = active < active_next ? active : active_next;
                if (active_next > active) finish(s + 1, within(rows, {active, active_next}), next);
                const Range mine = within(rows, {0, active});
                for (Index b = mine.begin; b < mine.end; ++b) {
                    float* const to = asked + b * stride;
                    copy_padded(call.grad_out.data == nullptr ? nullptr : row_at(timeline, call.grad_out, t, b), hidden,
                                units, to);
                    if (b < going) continue;
                    const Index row = caller_row(timeline, b) * hidden;
                    if (call.grad_h_n != nullptr) {
                        const Index last = units.end < hidden ? units.end : hidden;
                        for (Index i = units.begin; i < last; ++i) to[i] += call.grad_h_n[row + i];
                    }
                    if constexpr (C::kCarry) {
                        copy_padded(C::kMemory && call.grad_c_n != nullptr ? call.grad_c_n + row : nullptr, hidden,
                                    units, carry + b * stride);
                    }
                }
                const Index offset = offset_in(timeline, chunk, s);
                for (Index p = panels.begin; p < panels.end; ++p) {
                    const auto tile = [&](Index first, int count, bool goes_on) {
                        alignas(64) float sums[8 * kPanelVectors * kLanes];
                        // What was written long ago is fetched while the product runs.
                        const Index first_unit = p * unit_columns.stride();
                        const Index tile_tape = unit_columns.of(p) * C::kTape * kLanes;
                        for (Index m = 0; m < count; ++m) {
                            const Index number = offset + first + m;
                            fetch(tape + number * tape_row + first_unit * C::kTape, tile_tape);
                            if constexpr (C::kMemory) {
                                fetch(c_tape + (chunk.base + number) * stride + first_unit, unit_columns.width(p));
                            }
                        }
                        if (goes_on) through_gates(next, p, first, count, sums);
                        for (Index m = 0; m < count; ++m) {
                            const Index b = first + m;
                            const Index number = offset + b;
                            const bool cut = goes_on && is_reset(timeline, t_next, b);
                            for (Index v = 0; v < unit_columns.of(p); ++v) {
                                const Index block = p * kPanelVectors + v;
                                const Index unit = block * kLanes;
                                float* const carried = C::kCarry ? carry + b * stride + unit : nullptr;
                                if (cut && C::kCarry) store(carried, Vec{});
                                const Index panel = C::kGates == 1 ? p : block;
                                const Index vector = C::kGates == 1 ? v : 0;
                                float* const to =
                                    here_deltas + panel * deltas_panel + number * kWidth + vector * kLanes;
                                C::backward({.product = goes_on && !cut
                                                            ? load(sums + m * unit_columns.stride() + v * kLanes)
                                                            : Vec{},
                                             .grad = asked + b * stride + unit,
                                             .tape = tape + number * tape_row + block * C::kTape * kLanes,
                                             .h_prev = h_prev + number * stride + unit,
                                             .c_prev = C::kMemory ? c_prev + number * stride + unit : nullptr,
                                             .c = C::kMemory ? c_tape + (chunk.base + number) * stride + unit : nullptr,
                                             .peephole = C::kPeephole ? peephole + unit : nullptr,
                                             .hidden_stride = stride,
                                             .carry = carried,
                                             .deltas = to});
                                if constexpr (kInWord != 1) {
                                    to_words(to, C::kDeltas * kLanes, here_words + words_of(to - here_deltas));
                                }
                            }
                        }
                    };
                    const Range on = within(mine, {0, going});
                    const Range starts = within(mine, {going, active});
                    in_tiles(on.begin, on.end, tile_rows(unit_columns.vectors),
                             [&](Index first, int count) { tile(first, count, true); });
                    in_tiles(starts.begin, starts.end, tile_rows(unit_columns.vectors),
                             [&](Index first, int count) { tile(first, count, false); });
                }
                if constexpr (C::kTwice) {
                    barrier.wait(lone);
                    for (Index p = panels.begin; p < panels.end; ++p) {
                        in_tiles(mine.begin, mine.end, tile_rows(unit_columns.vectors), [&](Index first, int count) {
                            alignas(64) float sums[8 * kPanelVectors * kLanes];
                            product(count, unit_columns.of(p),
                                    {.a = here_words + (offset + first) * words_width,
                                     .a_row = words_width,
                                     .segments = gate_columns.count,
                                     .a_segment = words_panel,
                                     .depth = words_of(kLanes),
                                     .last_depth = words_of(kLanes),
                                     .b = to_let_in + p * unit_columns.stride() * words_of(second_depth),
                                     .b_k = unit_columns.width(p),
                                     .c = sums,
                                     .c_row = unit_columns.stride()});
                            for (Index m = 0; m < count; ++m) {
                                const Index b = first + m;
                                const Index number = offset + b;
                                for (Index v = 0; v < unit_columns.of(p); ++v) {
                                    const Index block = p * kPanelVectors + v;
                                    const Index unit = block * kLanes;
                                    float* const to = here_deltas + block * deltas_panel + number * kWidth;
                                    store(let_in + number * stride + unit,
                                          C::backward_second(load(sums + m * unit_columns.stride() + v * kLanes),
                                                             tape + number * tape_row + block * C::kTape * kLanes,
                                                             h_prev + number * stride + unit, carry + b * stride + unit,
                                                             to));
                                    if constexpr (kInWord != 1) {
                                        to_words(to, C::kDeltas * kLanes, here_words + words_of(to - here_deltas));
                                    }
                                }
                            }
                        });
                    }
                }
                next = here_words + offset * words_width;
                barrier.wait(lone);
            }
            if (chunk.begin == 0) finish(0, within(rows, {0, active_at(timeline, 0)}), next);
            barrier.wait(team);

            if (wants_x) {
                const Range part = part_of(chunk.rows, thread, team);
                for (Index p = 0; p < feature_columns.count; ++p) {
                    const Index first_feature = p * feature_columns.stride();
                    Index t = step_at(timeline, timeline.reverse ? chunk.end - 1 : chunk.begin);
                    in_tiles(part.begin, part.end, tile_rows(feature_columns.of(p)), [&](Index first, int count) {
                        alignas(64) float sums[8 * kPanelVectors * kLanes];
                        product(count, feature_columns.of(p),
                                {.a = here_words + first * words_width + words_of(C::kInputDelta * kLanes),
                                 .a_row = words_width,
                                 .segments = gate_columns.count,
                                 .a_segment = words_panel,
                                 .depth = words_of(gate_columns.stride()),
                                 .last_depth = words_of(gate_columns.last * kLanes),
                                 .b = to_input + first_feature * words_of(columns),
                                 .b_k = feature_columns.width(p),
                                 .c = sums,
                                 .c_row = feature_columns.stride()});
                        for (Index m = 0; m < count; ++m) {
                            const Index number = chunk.base + first + m;
                            while (timeline.start[t + 1] <= number) ++t;
                            copy_row(sums + m * feature_columns.stride(), features - first_feature,
                                     {0, feature_columns.stride()},
                                     row_at(timeline, call.grad_x, t, number - timeline.start[t]) + first_feature);
                        }
                    });
                }
            }
            Index sum_rows = chunk.rows;
            if constexpr (kInWord != 1) {
                sum_rows = (chunk.rows + 1) / 2;
                const auto pair = [&](const float* from, Index width, Range range, float* to) {
                    for (Index r = range.begin; r < range.end; ++r) {
                        const float* const one = from + 2 * r * width;
                        rows_to_words(one, 2 * r + 1 < chunk.rows ? one + width : nullptr, width, to + r * width);
                    }
                };
                const Range own_panels = part_of(gate_columns.count, thread, team);
                for (Index p = own_panels.begin; p < own_panels.end; ++p) {
                    pair(here_deltas + p * deltas_panel, kWidth, {0, sum_rows}, delta_pairs + p * pairs_panel);
                }
                pair(h_prev, stride, part_of(sum_rows, thread, team), h_pairs);
                pair(x, features, part_of(sum_rows, thread, team), x_pairs);
                if constexpr (C::kTwice) pair(let_in, stride, part_of(sum_rows, thread, team), let_in_pairs);
                barrier.wait(team);
            }
            {
                // All products as one row of units of work, so that threads get as much of it each.
                const bool floats = kInWord == 1;
                const float* const sum_deltas = floats ? here_deltas : delta_pairs;
                const Index sum_panel = floats ? deltas_panel : pairs_panel;
                Index before = 0;
                Index all = 0;
                const auto units_of_work = [&](bool wanted, const WeightSums& of, const Panels& of_panels) {
                    const Index most = tile_rows(of_panels.vectors);
                    return wanted ? of_panels.count * ((of.depth + most - 1) / most) : 0;
                };
                const WeightSums sums[] = {
                    {hidden, C::kStateDelta, floats ? h_prev : h_pairs, stride, sums_hh},
                    {features, C::kInputDelta, floats ? x : x_pairs, features, sums_ih},
                    {hidden, 0, floats ? let_in : let_in_pairs, stride, second_sums},
                };
                const Panels* const of[] = {&state_columns, &gate_columns, &second_columns};
                const bool wanted[] = {wants_hh, wants_ih, wants_hh && C::kTwice};
                for (Index i = 0; i < 3; ++i) all += units_of_work(wanted[i], sums[i], *of[i]);
                const Range work = part_of(all, thread, team);
                for (Index i = 0; i < 3; ++i) {
                    const Index own = units_of_work(wanted[i], sums[i], *of[i]);
                    add_weight_sums<C>(sums[i], *of[i], sum_deltas, sum_panel, sum_rows, is_first,
                                       within({work.begin - before, work.end - before}, {0, own}));
                    before += own;
                }
                const Range part = part_of(gate_columns.count, thread, team);
                if (wants_bias) {
                    add_bias_sums<C>(bias_sums, gate_columns, here_deltas, deltas_panel, chunk.rows, is_first, part);
                }
                if constexpr (C::kPeephole) {
                    if (wants_peephole) {
                        add_peephole_sums<C>(peephole_sums, stride, here_deltas, deltas_panel, c_prev,
                                             c_tape + chunk.base * stride, chunk.rows, is_first, part);
                    }
                }
            }
            is_first = false;
            barrier.wait(team);
        }

        const Range part = part_of(gate_columns.count, thread, team);
        if (wants_ih) {
            unpack_gates<C>(sums_ih, hidden, features, gate_columns, C::kInputGate, part.begin, part.end,
                            call.grad_w_ih);
        }
        if (wants_hh) {
            unpack_gates<C>(sums_hh, hidden, hidden, state_columns, 0, part.begin, part.end, call.grad_w_hh);
            if constexpr (C::kTwice) {
                unpack_gates<C>(second_sums, hidden, hidden, second_columns, C::kGates - 1, part.begin, part.end,
                                call.grad_w_hh);
            }
        }
        for (Index p = part.begin; p < part.end; ++p) {
            for (Index column = 0; column < gate_columns.width(p); ++column) {
                const Index unit = unit_of<C>(p, column / kLanes, column % kLanes);
                if (unit >= hidden) continue;
                const auto give = [&](float* to, Index first_delta, Index first_gate) {
                    const Index gate = gate_of<C>(column / kLanes, first_gate);
                    if (to != nullptr) to[gate * hidden + unit] = bias_sums[p * kWidth + first_delta * kLanes + column];
                };
                give(call.grad_b_ih, C::kInputDelta, C::kInputGate);
                give(call.grad_b_hh, C::kBiasDelta, C::kBiasGate);
            }
            if (!wants_peephole) continue;
            for (Index gate = 0; gate < 3; ++gate) {
                copy_row(peephole_sums + gate * stride, hidden, {p * kLanes, (p + 1) * kLanes},
                         call.grad_peephole + gate * hidden);
            }
        }
    };
    run_team(sharing.threads, body);
}

}  // namespace recurra::core::RECURRA_ISA
