#pragma once

#include "core/steps_back.hpp"

// What products over all rows of a chunk give on the way back, and the way back as a whole.
namespace recurra::core::RECURRA_ISA {

template <class C>
void WayBack<C>::input_gradients(const Mine& mine) const noexcept {
    const Chunk& chunk = mine.chunk;
    const Range rows = part_of(chunk.rows, mine.thread, mine.team);
    for (Index p = 0; p < inputs.count; ++p) {
        const Index first_feature = p * inputs.stride();
        Index t = step_at(timeline, timeline.reverse ? chunk.end - 1 : chunk.begin);
        in_tiles(rows.begin, rows.end, tile_rows(inputs.of(p)), [&](Index first, int count) {
            alignas(64) Sums sums;
            // Where there are few features, each sum is of so many more numbers than there are sums that its rounding
            // shows: one gate panel after the other costs little there, and rounds less.
            const Index segments = features > kFewFeatures ? gates.count : 1;
            for (Index s = 0; s < gates.count; s += segments) {
                const Index depth = words_of(gates.stride());
                const bool is_last = s + segments == gates.count;
                product(count, inputs.of(p),
                        {.a = delta_words[mine.turn] + first * kWordsWidth + words_of(C::kInputDelta * kLanes) +
                              s * words_panel,
                         .a_row = kWordsWidth,
                         .segments = segments,
                         .a_segment = words_panel,
                         .depth = depth,
                         .last_depth = is_last ? words_of(gates.last * kLanes) : depth,
                         .b = to_input + first_feature * words_of(gates.columns()) + s * depth * inputs.width(p),
                         .b_k = inputs.width(p),
                         .c = sums,
                         .c_row = inputs.stride(),
                         .add = s > 0});
            }
            for (Index m = 0; m < count; ++m) {
                const Index number = chunk.base + first + m;
                while (timeline.start[t + 1] <= number) ++t;
                copy_row(sums + m * inputs.stride(), features - first_feature, {0, inputs.stride()},
                         row_at(timeline, call.grad_x, t, number - timeline.start[t]) + first_feature);
            }
        });
    }
}

template <class C>
void WayBack<C>::pair_rows(const Mine& mine) const noexcept {
    const Index rows = mine.chunk.rows;
    const Range part = part_of((rows + 1) / 2, mine.thread, mine.team);
    const auto pair = [&](const float* from, Index width, Range range, float* to) {
        for (Index r = range.begin; r < range.end; ++r) {
            const float* const one = from + 2 * r * width;
            rows_to_words(one, 2 * r + 1 < rows ? one + width : nullptr, width, to + r * width);
        }
    };
    const Range panels = part_of(gates.count, mine.thread, mine.team);
    for (Index p = panels.begin; p < panels.end; ++p) {
        pair(deltas[mine.turn] + p * deltas_panel, kWidth, {0, (rows + 1) / 2}, delta_pairs + p * pairs * kWidth);
    }
    pair(h_prev, stride, part, h_pairs);
    pair(mine.x, features, part, x_pairs);
    if constexpr (C::kTwice) pair(let_in, stride, part, let_in_pairs);
}

// All products as one row of units of work, so that threads get as much of it each.
template <class C>
void WayBack<C>::add_sums(const Mine& mine) const noexcept {
    const float* const here = deltas[mine.turn];
    const bool is_first = mine.chunk.end == timeline.time;
    const Index rows = mine.chunk.rows;
    const struct {
        bool wanted;
        const Panels& panels;
        WeightSums to;
    } all[] = {
        {wants_hh, state_gates, {hidden, C::kStateDelta, kFloats ? h_prev : h_pairs, stride, sums_hh}},
        {wants_ih, gates, {features, C::kInputDelta, kFloats ? mine.x : x_pairs, features, sums_ih}},
        {wants_hh && C::kTwice, second_gate, {hidden, 0, kFloats ? let_in : let_in_pairs, stride, second_sums}},
    };
    const auto work_of = [](const auto& one) {
        return one.wanted ? one.panels.count * tiles_of(one.to, one.panels) : 0;
    };
    Index total = 0;
    for (const auto& one : all) total += work_of(one);
    Range work = part_of(total, mine.thread, mine.team);
    for (const auto& one : all) {
        const Index own = work_of(one);
        add_weight_sums<C>(one.to, one.panels, kFloats ? here : delta_pairs, kFloats ? deltas_panel : pairs * kWidth,
                           kFloats ? rows : (rows + 1) / 2, is_first, within(work, {0, own}));
        work = {work.begin - own, work.end - own};
    }
    const Range panels = part_of(gates.count, mine.thread, mine.team);
    if (wants_bias) add_bias_sums<C>(bias_sums, gates, here, deltas_panel, rows, is_first, panels);
    if constexpr (C::kPeephole) {
        if (wants_peephole) {
            add_peephole_sums<C>(peephole_sums, stride, here, deltas_panel, c_prev, c_tape + mine.chunk.base * stride,
                                 rows, is_first, panels);
        }
    }
}

// Without steps, all sums are 0.
template <class C>
void WayBack<C>::clear_sums() const noexcept {
    const auto clear = [](float* sums, Index size) {
        if (sums != nullptr) copy_padded(nullptr, 0, {0, size}, sums);
    };
    clear(sums_ih, gates.columns() * features);
    clear(sums_hh, state_gates.columns() * hidden);
    clear(second_sums, second_gate.columns() * hidden);
    clear(bias_sums, gates.count * kWidth);
    clear(peephole_sums, 3 * stride);
}

template <class C>
void WayBack<C>::unpack(const Mine& mine) const noexcept {
    const Range part = part_of(gates.count, mine.thread, mine.team);
    if (wants_ih) {
        unpack_gates<C>(sums_ih, hidden, features, gates, C::kInputGate, part.begin, part.end, call.grad_w_ih);
    }
    if (wants_hh) {
        unpack_gates<C>(sums_hh, hidden, hidden, state_gates, 0, part.begin, part.end, call.grad_w_hh);
        if constexpr (C::kTwice) {
            unpack_gates<C>(second_sums, hidden, hidden, second_gate, C::kGates - 1, part.begin, part.end,
                            call.grad_w_hh);
        }
    }
    const auto give_biases = [&](Index p, float* to, Index first_delta, Index first_gate) {
        if (to == nullptr) return;
        for (Index column = 0; column < gates.width(p); ++column) {
            const Index unit = unit_of<C>(p, column / kLanes, column % kLanes);
            const Index row = gate_of<C>(column / kLanes, first_gate) * hidden + unit;
            if (unit < hidden) to[row] = bias_sums[p * kWidth + first_delta * kLanes + column];
        }
    };
    for (Index p = part.begin; p < part.end; ++p) {
        give_biases(p, call.grad_b_ih, C::kInputDelta, C::kInputGate);
        give_biases(p, call.grad_b_hh, C::kBiasDelta, C::kBiasGate);
        if (!wants_peephole) continue;
        for (Index gate = 0; gate < 3; ++gate) {
            copy_row(peephole_sums + gate * stride, hidden, {p * kLanes, (p + 1) * kLanes},
                     call.grad_peephole + gate * hidden);
        }
    }
}

template <class C>
void backward(const Backward& call, const Timeline& timeline) {
    WayBack<C> way(call, timeline);
    run_team(way.sharing.threads, way);
}

}  // namespace recurra::core::RECURRA_ISA
