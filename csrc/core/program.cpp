// Instructions carried out, one after the other, for some sequences at once.

#include "core/program.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/arrays.hpp"
#include "core/pooling.hpp"
#include "core/scoring.hpp"
#include "core/stack.hpp"
#include "core/team.hpp"
#include "core/timeline.hpp"
#include "core/workspace.hpp"

namespace recurra::core {

using arrays::at;
using arrays::broadcast;
using arrays::for_each;
using arrays::Index;
using arrays::join_axes;
using arrays::total;

namespace {

// Sequences that run at once: as many as keep their numbers in the near caches, and no more than a product can use.
constexpr Index kNearFloats = 1U << 18U;
constexpr Index kMostRows = 256;

}  // namespace

// One run of some sequences.
struct Program::Pass {
    const Program& program;
    Index first;  // of all sequences
    Index rows;
    const float* const* inputs;  // of all
    float* const* states;        // of these
    float* memory;               // (rows, row_)
    float* scratch;              // (rows, scratch_row_)

    [[nodiscard]] const Value& value(std::int32_t v) const noexcept { return program.values_[at(v)]; }

    [[nodiscard]] std::int32_t shown(std::int32_t v) const noexcept { return program.shown(v); }

    [[nodiscard]] const float* data(std::int32_t v) const noexcept {
        v = shown(v);
        const Value& it = value(v);
        switch (it.place) {
            case Value::Place::kInput:
                return inputs[it.number] + first * it.size();
            case Value::Place::kConstant:
                return it.constant.data();
            default:
                return memory + program.places_[at(v)] * rows;
        }
    }
    [[nodiscard]] float* result(std::int32_t v) const noexcept { return memory + program.places_[at(v)] * rows; }
    // From one sequence's numbers of a value to the next one's.
    [[nodiscard]] Index row_of(std::int32_t v) const noexcept {
        const Value& it = value(shown(v));
        return it.place == Value::Place::kConstant ? 0 : it.size();
    }
    [[nodiscard]] bool is_constant(std::int32_t v) const noexcept { return row_of(v) == 0; }

    void run() const {
        for (const Instruction& instruction : program.instructions_) run(instruction);
    }

    void run(const Instruction& it) const {
        switch (it.kind) {
            case Kind::kAdd:
                return combine(it, [](float x, float y) { return x + y; });
            case Kind::kSubtract:
                return combine(it, [](float x, float y) { return x - y; });
            case Kind::kMultiply:
                return combine(it, [](float x, float y) { return x * y; });
            case Kind::kDivide:
                return combine(it, [](float x, float y) { return x / y; });
            case Kind::kMaximum:  // a NaN stays one
                return combine(it, [](float x, float y) { return x < y ? y : x; });
            case Kind::kClip:
                return each(it, [a = it.a, b = it.b](float x) { return x < a ? a : x > b ? b : x; });
            case Kind::kRelu:
                return each(it, [](float x) { return x < 0 ? 0.0F : x; });
            case Kind::kTanh:
                return each(it, [](float x) { return std::tanh(x); });
            case Kind::kGelu:
                return each(it, [](float x) { return 0.5F * x * (1.0F + std::erf(x * 0.70710678F)); });
            case Kind::kAbs:
                return each(it, [](float x) { return std::fabs(x); });
            case Kind::kSqrt:
                return each(it, [](float x) { return std::sqrt(x); });
            case Kind::kSum:
                return sum(it);
            case Kind::kLast:
                return last(it);
            case Kind::kConcatenate:
                return concatenate(it);
            case Kind::kSlice:
                return slice(it);
            case Kind::kTranspose:
                return transpose(it);
            case Kind::kGather:
                return gather(it);
            case Kind::kLinear:
                return linear(it);
            case Kind::kSort:
                return sort(it);
            case Kind::kRun:
                return run_stack(it);
            case Kind::kCell:
                return run_cell(it);
            case Kind::kPool:
                return pool(it);
            case Kind::kPaths:
                return extend_paths(it);
            case Kind::kSpell:
                return spell(it);
            case Kind::kLogSoftmax:
                return log_softmax(it);
        }
    }

    template <class F>
    void combine(const Instruction& it, F f) const noexcept {
        std::array<Index, 3> dims = value(it.out).dims;
        std::array<Index, 3> sx{};
        std::array<Index, 3> sy{};
        broadcast(value(it.in[0]).dims, dims, sx);
        broadcast(value(it.in[1]).dims, dims, sy);
        join_axes(dims, sx, sy);
        const Index size = value(it.out).size();
        for (Index r = 0; r < rows; ++r) {
            for_each(dims, data(it.in[0]) + r * row_of(it.in[0]), sx, data(it.in[1]) + r * row_of(it.in[1]), sy,
                     result(it.out) + r * size, f);
        }
    }

    template <class F>
    void each(const Instruction& it, F f) const noexcept {
        const Index size = value(it.out).size();
        if (!is_constant(it.in[0])) return for_each(rows * size, data(it.in[0]), result(it.out), f);
        for (Index r = 0; r < rows; ++r) for_each(size, data(it.in[0]), result(it.out) + r * size, f);
    }

    void sum(const Instruction& it) const noexcept {
        const Value& x = value(it.in[0]);
        const Index width = value(it.out).size();
        for (Index r = 0; r < rows; ++r) {
            const float* from = data(it.in[0]) + r * row_of(it.in[0]);
            float* const out = result(it.out) + r * width;
            if (width == 1) {
                *out = total(from, x.dims[0]);
                continue;
            }
            std::fill_n(out, width, 0.0F);
            for (Index t = 0; t < x.dims[0]; ++t, from += width) {
                for (Index i = 0; i < width; ++i) out[i] += from[i];
            }
        }
    }

    void last(const Instruction& it) const noexcept {
        const Index width = value(it.out).size();
        const Index time = value(it.in[0]).dims[0];
        for (Index r = 0; r < rows; ++r) {
            const float* const values = data(it.in[0]) + r * row_of(it.in[0]);
            const float* const flags = data(it.in[1]) + r * row_of(it.in[1]);
            for (Index i = 0; i < width; ++i) {
                Index t = time;
                while (t > 0 && !(flags[(t - 1) * width + i] > 0)) --t;
                result(it.out)[r * width + i] = t > 0 ? values[(t - 1) * width + i] : 0.0F;
            }
        }
    }

    void concatenate(const Instruction& it) const noexcept {
        const auto [time, width, depth] = value(it.out).dims;
        Index offset = 0;
        for (const std::int32_t v : it.in) {
            const Index own = value(v).dims[1] * depth;
            const Index step = value(v).dims[0] == 1 ? 0 : own;
            for (Index r = 0; r < rows; ++r) {
                const float* const from = data(v) + r * row_of(v);
                float* const to = result(it.out) + r * time * width * depth + offset;
                if (own == 1) {  // a call for each number would cost more than the number
                    for (Index t = 0; t < time; ++t) to[t * width * depth] = from[t * step];
                } else if (own == 2) {
                    for (Index t = 0; t < time; ++t) {
                        to[t * width * depth] = from[t * step];
                        to[t * width * depth + 1] = from[t * step + 1];
                    }
                } else {
                    for (Index t = 0; t < time; ++t) std::copy_n(from + t * step, own, to + t * width * depth);
                }
            }
            offset += own;
        }
    }

    void slice(const Instruction& it) const noexcept {
        const auto [time, width, depth] = value(it.out).dims;
        const Index in_width = value(it.in[0]).dims[1] * depth;
        const Index offset = it.axis == 0 ? it.from * in_width : it.from * depth;
        for (Index r = 0; r < rows; ++r) {
            const float* from = data(it.in[0]) + r * row_of(it.in[0]) + offset;
            float* to = result(it.out) + r * time * width * depth;
            for (Index t = 0; t < time; ++t, from += in_width) to = std::copy_n(from, width * depth, to);
        }
    }

    void transpose(const Instruction& it) const noexcept {
        const Index d0 = value(it.in[0]).dims[0];
        const Index d1 = value(it.in[0]).dims[1];
        for (Index r = 0; r < rows; ++r) {
            const float* const from = data(it.in[0]) + r * row_of(it.in[0]);
            float* const to = result(it.out) + r * d0 * d1;
            for (Index i = 0; i < d0; ++i) {
                for (Index j = 0; j < d1; ++j) to[j * d0 + i] = from[i * d1 + j];
            }
        }
    }

    // A code beyond the table is 0, the unknown.
    [[nodiscard]] static Index entry(float code, Index categories) noexcept {
        return code >= 0 && code < static_cast<float>(categories) ? static_cast<Index>(code) : 0;
    }

    void gather(const Instruction& it) const noexcept {
        const Value& table = value(it.in[0]);
        const Index codes = value(it.in[1]).dims[1];
        const auto [time, width, depth] = value(it.out).dims;
        for (Index r = 0; r < rows; ++r) {
            const float* code = data(it.in[1]) + r * row_of(it.in[1]) + it.from;
            float* to = result(it.out) + r * time * width;
            for (Index t = 0; t < time; ++t, code += codes) {
                to = std::copy_n(table.constant.data() + entry(*code, table.dims[0]) * width, width, to);
            }
        }
    }

    void linear(const Instruction& it) const noexcept {
        const Index width = it.linear->inputs();
        const Index outputs = it.linear->outputs();
        const Index own = value(it.in[0]).size() / width;
        const Index x_row = row_of(it.in[0]);
        if (x_row != 0 || rows == 1) {
            it.linear->apply(data(it.in[0]), rows * own, width, result(it.out), outputs);
            return;
        }
        for (Index r = 0; r < rows; ++r) {
            it.linear->apply(data(it.in[0]), own, width, result(it.out) + r * own * outputs, outputs);
        }
    }

    void sort(const Instruction& it) const noexcept {
        const Index size = value(it.out).size();
        const Index width = value(it.out).dims[2];
        for (Index r = 0; r < rows; ++r) {
            float* const to = result(it.out) + r * size;
            std::copy_n(data(it.in[0]) + r * row_of(it.in[0]), size, to);
            for (Index i = 0; i < size; i += width) std::sort(to + i, to + i + width);
        }
    }

    void pool(const Instruction& it) const noexcept {
        const Index time = value(it.in[0]).dims[0];
        const Index width = value(it.out).dims[1];
        for (Index r = 0; r < rows; ++r) {
            float* const out = result(it.out) + r * width;
            float* const state = it.state < 0 ? nullptr : states[r] + it.state;
            arrays::Pooled pooled;
            std::fill_n(out, width, 0.0F);
            if (state != nullptr) {
                std::copy_n(state, width, out);
                pooled = {.weight = state[width], .peak = state[width + 1]};
            }
            const float* const scores = it.in.size() > 1 ? data(it.in[1]) + r * row_of(it.in[1]) : nullptr;
            const auto how = static_cast<arrays::Pooling>(it.axis);
            pooled = arrays::pool(how, data(it.in[0]) + r * row_of(it.in[0]), scores, time, width, pooled, out);
            if (state != nullptr) {
                std::copy_n(out, width, state);
                state[width] = pooled.weight;
                state[width + 1] = pooled.peak;
            }
            if (how == arrays::Pooling::kMax || pooled.weight == 0) continue;
            const float divisor = arrays::divisor(how, pooled.weight);
            for (Index i = 0; i < width; ++i) out[i] /= divisor;
        }
    }

    void extend_paths(const Instruction& it) const noexcept {
        const auto [time, labels, depth] = value(it.out).dims;
        for (Index r = 0; r < rows; ++r) {
            float* const state = it.state < 0 ? nullptr : states[r] + it.state;
            const float* scores = data(it.in[0]) + r * row_of(it.in[0]);
            const float* before = state != nullptr && state[labels] != 0 ? state : nullptr;
            float* out = result(it.out) + r * time * labels;
            for (Index t = 0; t < time; ++t, scores += labels, out += labels) {
                arrays::extend_paths(before, data(it.in[2]), data(it.in[1]), scores, labels, out);
                before = out;
            }
            if (state == nullptr || time == 0) continue;
            std::copy_n(before, labels, state);
            state[labels] = 1;  // has begun
        }
    }

    void spell(const Instruction& it) const noexcept {
        const auto [kernel, categories, channels] = value(it.in[1]).dims;
        const auto [words, characters, depth] = value(it.in[0]).dims;
        for (Index r = 0; r < rows; ++r) {
            for (Index t = 0; t < words; ++t) {
                arrays::spell(data(it.in[0]) + r * row_of(it.in[0]) + t * characters, characters, data(it.in[1]),
                              kernel, categories, data(it.in[2]), channels, scratch,
                              result(it.out) + (r * words + t) * channels);
            }
        }
    }

    void log_softmax(const Instruction& it) const noexcept {
        const auto& dims = value(it.out).dims;
        const Index size = value(it.out).size();
        const Index width = dims[2] > 1 ? dims[2] : dims[1];
        for (Index r = 0; r < rows; ++r) {
            const float* const from = data(it.in[0]) + r * row_of(it.in[0]);
            float* const to = result(it.out) + r * size;
            for (Index i = 0; i < size; i += width) arrays::log_softmax(from + i, width, to + i);
        }
    }

    void run_stack(const Instruction& it) const {
        const Stack& stack = *it.stack;
        const Index time = value(it.in[0]).dims[0];
        if (!stack.runs_whole(time)) return step_stack(it);
        const Index field = rows * stack.widest();
        float* const h0 = scratch;
        float* const c0 = h0 + field;
        float* const h_n = c0 + field;
        float* const c_n = h_n + field;
        float* const between[2] = {c_n + field, c_n + field * (1 + time)};
        Steps steps;
        steps.time = time;
        steps.rows = rows;
        steps.reverse = it.axis == 1;
        const TimelineMemory timeline(steps);
        const float* x = data(it.in[0]);
        Index x_row = row_of(it.in[0]);
        Index at_state = it.state;
        for (std::size_t i = 0; i < stack.layers.size(); ++i) {
            const Stack::Packed& packed = stack.layers[i];
            const Index hidden = packed.layer.hidden;
            float* const out = i + 1 == stack.layers.size() ? result(it.out) : between[i % 2];
            const bool goes_on = it.state >= 0;
            const auto fields = [&](auto move) {  // of the state: h and, where there is one, c
                if (!goes_on) return;
                for (Index r = 0; r < rows; ++r) {
                    move(states[r] + at_state, h0 + r * hidden, h_n + r * hidden, hidden);
                    if (!has_memory(packed.layer.cell)) continue;
                    move(states[r] + at_state + hidden, c0 + r * hidden, c_n + r * hidden, hidden);
                }
            };
            fields([](const float* state, float* before, float*, Index n) { std::copy_n(state, n, before); });
            Forward call;
            call.layer = packed.layer;
            call.packed = packed.weights.get();
            call.x = {.data = x, .time_stride = packed.layer.features, .row_stride = x_row};
            call.h0 = goes_on ? h0 : nullptr;
            call.c0 = goes_on ? c0 : nullptr;
            call.out = {.data = out, .time_stride = hidden, .row_stride = time * hidden};
            call.h_n = h_n;
            call.c_n = c_n;
            stack.kernels->forward(call, timeline.timeline());
            fields([](float* state, float*, const float* after, Index n) { std::copy_n(after, n, state); });
            at_state += hidden * (has_memory(packed.layer.cell) ? 2 : 1);
            x = out;
            x_row = time * hidden;
        }
    }

    void step_stack(const Instruction& it) const {
        const Stack& stack = *it.stack;
        const Index time = value(it.in[0]).dims[0];
        const float* gates = nullptr;
        if (it.code_gates != nullptr && rows == 1) {
            const CodeGates& known = *it.code_gates;
            gates = known.gates.get() + entry(data(known.codes)[known.from], known.categories) * known.row;
        }
        const Index width = stack.outputs();
        StackRows steps(stack, rows, scratch);
        steps.clear();
        if (it.state >= 0) {
            for (Index r = 0; r < rows; ++r) steps.load(r, states[r] + it.state);
        }
        for (Index n = 0; n < time; ++n) {
            const Index t = it.axis == 1 ? time - 1 - n : n;
            steps.step(data(it.in[0]) + t * stack.features(), row_of(it.in[0]), gates);
            for (Index r = 0; r < rows; ++r) {
                std::copy_n(steps.output() + r * steps.output_row(), width, result(it.out) + (r * time + t) * width);
            }
        }
        if (it.state >= 0) {
            for (Index r = 0; r < rows; ++r) steps.store(r, states[r] + it.state);
        }
    }

    void run_cell(const Instruction& it) const {
        const Stack& stack = *it.stack;
        const Index width = stack.outputs();
        const Index each = value(it.out).dims[0];
        const bool is_one_state = value(it.in[1]).dims[0] < each;
        // Sequences one by one where each has one state for all of its rows, or else together.
        const Index sequences = is_one_state ? 1 : rows;
        const Index count = sequences * each;
        const Index h_row = row_of(it.in[1]);
        for (Index begin = 0; begin < rows; begin += sequences) {
            StackRows steps(stack, count, scratch);
            steps.clear();
            steps.for_each_field([&](float* field, Index row, Index hidden) {  // h, and an equal c
                for (Index r = begin; r < begin + sequences; ++r) {
                    for (Index i = 0; i < each; ++i, field += row) {
                        const Index offset = is_one_state ? 0 : i * hidden;
                        std::copy_n(data(it.in[1]) + r * h_row + offset, hidden, field);
                    }
                }
            });
            steps.step(data(it.in[0]) + begin * row_of(it.in[0]), stack.features(), nullptr, is_one_state);
            float* const out = result(it.out) + begin * each * width;
            for (Index i = 0; i < count; ++i) {
                std::copy_n(steps.output() + i * steps.output_row(), width, out + i * width);
            }
        }
    }
};

std::int32_t Program::shown(std::int32_t v) const noexcept {
    while (values_[at(v)].place == Value::Place::kSame) v = values_[at(v)].number;
    return v;
}

void Program::run(Index rows, const float* const* inputs, float* const* outputs, float* const* states,
                  int threads) const {
    constexpr Index kWorthAThread = 1U << 19U;  // multiplications
    const Index worth = std::min(rows, rows * work_ / kWorthAThread);
    threads = static_cast<int>(std::clamp<Index>(worth, 1, threads));
    const Index near = std::clamp<Index>(kNearFloats / std::max<Index>(row_ + scratch_row_, 1), 1, kMostRows);
    const Index most = std::max<Index>(std::min(near, (rows + threads - 1) / threads), 1);
    Workspace workspace;
    const Index own = most * (row_ + scratch_row_);
    float* const memory = workspace.floats(threads * own);
    auto body = [&](int thread, int team) {
        for (Index first = thread * most; first < rows; first += team * most) {
            const Index count = std::min(most, rows - first);
            const Pass pass{.program = *this,
                            .first = first,
                            .rows = count,
                            .inputs = inputs,
                            .states = states == nullptr ? nullptr : states + first,
                            .memory = memory + thread * own,
                            .scratch = memory + thread * own + count * row_};
            pass.run();
            for (std::size_t i = 0; i < outputs_.size(); ++i) {
                const Index size = values_[at(outputs_[i])].size();
                float* const to = outputs[i] + first * size;
                const Index row = pass.row_of(outputs_[i]);
                for (Index r = 0; r < count; ++r) std::copy_n(pass.data(outputs_[i]) + r * row, size, to + r * size);
            }
        }
    };
    run_team(threads, body);
}

}  // namespace recurra::core
