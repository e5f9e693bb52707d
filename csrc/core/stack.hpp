#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/floats.hpp"
#include "core/kernels.hpp"
#include "core/recurrent.hpp"

namespace recurra::core {

class Stack {
  public:
    struct Packed {
        Layer layer;
        Floats weights;
        Step* step = nullptr;
        std::int64_t row = 0;  // floats of a row of h or c inside, the last of them padding
        std::int64_t scratch_row = 0;
        bool in_bytes = false;
        decltype(StepKernels<Weights>::gates_row) gates_row = nullptr;
        decltype(StepKernels<Weights>::input_gates) input_gates = nullptr;
    };

    [[nodiscard]] std::int64_t features() const noexcept { return layers.front().layer.features; }
    [[nodiscard]] std::int64_t outputs() const noexcept { return layers.back().layer.hidden; }
    [[nodiscard]] std::int64_t widest() const noexcept {
        std::int64_t hidden = 0;
        for (const Packed& packed : layers) hidden = std::max(hidden, packed.layer.hidden);
        return hidden;
    }
    // Whether so many steps are run at once, by `forward`; layers in bytes only step.
    [[nodiscard]] bool runs_whole(std::int64_t time) const noexcept {
        return time > 1 && std::none_of(layers.begin(), layers.end(), [](const Packed& p) { return p.in_bytes; });
    }
    // The numbers of the state of one row: for each layer h (H) and then, where there is one, c (H).
    [[nodiscard]] std::int64_t state_size() const noexcept {
        std::int64_t size = 0;
        for (const Packed& packed : layers) size += packed.layer.hidden * (has_memory(packed.layer.cell) ? 2 : 1);
        return size;
    }

    const Kernels* kernels = nullptr;
    std::vector<Packed> layers;
};

// What B rows need that go through a stack step by step, in one piece of memory: for each layer h twice and c, each
// (B, row), then what a step keeps for itself.
class StackRows {
  public:
    [[nodiscard]] static std::int64_t floats(const Stack& stack, std::int64_t rows) noexcept {
        return rows * (state_row(stack) + scratch_row(stack));
    }

    // `memory` holds `floats`, begins at a cache line, and is zero or is cleared next.
    StackRows(const Stack& stack, std::int64_t rows, float* memory) noexcept
        : stack_(&stack), rows_(rows), memory_(memory), scratch_(memory + rows * state_row(stack)) {}

    void clear() noexcept { std::fill_n(memory_, rows_ * state_row(*stack_), 0.0F); }

    // Each field of the state that has a meaning, layer by layer, as (its rows, floats of a row, H).
    template <class Each>
    void for_each_field(Each each) const {
        float* state = memory_;
        for (const Stack::Packed& packed : stack_->layers) {
            const std::int64_t field = rows_ * packed.row;
            each(state + turn_ * field, packed.row, packed.layer.hidden);
            if (has_memory(packed.layer.cell)) each(state + 2 * field, packed.row, packed.layer.hidden);
            state += kFields * field;
        }
    }

    // The state of one row, (state_size), into row `b`, and out of it.
    void load(std::int64_t b, const float* state) noexcept {
        for_each_field([&](float* field, std::int64_t row, std::int64_t hidden) {
            std::copy_n(state, hidden, field + b * row);
            state += hidden;
        });
    }
    void store(std::int64_t b, float* state) const noexcept {
        for_each_field([&](const float* field, std::int64_t row, std::int64_t hidden) {
            state = std::copy_n(field + b * row, hidden, state);
        });
    }

    // One step of all rows; row b of x begins at x + b * x_row. Of one row, x may be null where `gates` is what it
    // gives to those of the first layer (`input_gates`). `is_one_state`, of one layer: as in `Step`.
    void step(const float* x, std::int64_t x_row, const float* gates = nullptr, bool is_one_state = false) noexcept {
        float* state = memory_;
        for (const Stack::Packed& packed : stack_->layers) {
            const std::int64_t field = rows_ * packed.row;
            float* const next = state + (1 - turn_) * field;
            packed.step(packed.layer, packed.weights.get(), rows_, x, x_row, gates, state + turn_ * field, next,
                        state + 2 * field, scratch_, is_one_state);
            gates = nullptr;
            x = next;
            x_row = packed.row;
            state += kFields * field;
        }
        turn_ = 1 - turn_;
        output_ = x;
        output_row_ = x_row;
    }

    // What the last step gave: row b begins at output() + b * output_row().
    [[nodiscard]] const float* output() const noexcept { return output_; }
    [[nodiscard]] std::int64_t output_row() const noexcept { return output_row_; }
    [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
    // Go on as `other` would, whose memory was copied here.
    void continue_as(const StackRows& other) noexcept { turn_ = other.turn_; }

    [[nodiscard]] static std::int64_t state_row(const Stack& stack) noexcept {
        std::int64_t row = 0;
        for (const Stack::Packed& packed : stack.layers) row += kFields * packed.row;
        return row;
    }

  private:
    static constexpr std::int64_t kFields = 3;

    [[nodiscard]] static std::int64_t scratch_row(const Stack& stack) noexcept {
        std::int64_t row = 0;
        for (const Stack::Packed& packed : stack.layers) row = std::max(row, packed.scratch_row);
        return row;
    }

    const Stack* stack_;
    std::int64_t rows_;
    float* memory_;
    float* scratch_;
    const float* output_ = nullptr;
    std::int64_t output_row_ = 0;
    std::int64_t turn_ = 0;  // a step reads the first h or the second, and writes the other
};

}  // namespace recurra::core
