#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "core/kernels.hpp"
#include "core/recurrent.hpp"

namespace recurra::core {

namespace {

struct Release {
    void operator()(float* data) const noexcept { ::operator delete(data, std::align_val_t{64}); }
};
using Floats = std::unique_ptr<float, Release>;

Floats zeros(std::size_t count) {
    Floats data(
        static_cast<float*>(::operator new(std::max<std::size_t>(count, 1) * sizeof(float), std::align_val_t{64})));
    std::fill_n(data.get(), count, 0.0F);
    return data;
}

}  // namespace

class Stack {
  public:
    struct Packed {
        Layer layer;
        Floats weights;
        std::size_t row = 0;  // floats of a row of h or c inside, the last of them padding
    };

    const Kernels* kernels = nullptr;
    std::vector<Packed> layers;
};

std::shared_ptr<const Stack> make_stack(std::span<const Layer> layers, std::span<const Weights> weights) {
    auto stack = std::make_shared<Stack>();
    stack->kernels = &kernels();
    for (std::size_t i = 0; i < layers.size(); ++i) {
        Floats packed = zeros(stack->kernels->packed_size(layers[i]));
        stack->kernels->pack(layers[i], weights[i], packed.get());
        stack->layers.push_back({.layer = layers[i],
                                 .weights = std::move(packed),
                                 .row = static_cast<std::size_t>(stack->kernels->row_size(layers[i].hidden))});
    }
    return stack;
}

struct Stream::Memory {
    // Of one layer. A step reads h[turn] and writes the other.
    struct State {
        float* h[2];
        float* c;
    };

    Memory(std::shared_ptr<const Stack> of, std::int64_t of_rows) : stack(std::move(of)), rows(of_rows) {
        for (const Stack::Packed& layer : stack->layers) size += static_cast<std::size_t>(rows) * layer.row * kFields;
        floats = zeros(size);
        std::int64_t scratch_row = 0;
        for (const Stack::Packed& layer : stack->layers) {
            scratch_row = std::max(scratch_row, stack->kernels->scratch_row(layer.layer));
        }
        scratch = zeros(static_cast<std::size_t>(rows * scratch_row));
        float* next = floats.get();
        const auto take = [&](std::size_t count) { return std::exchange(next, next + count); };
        for (const Stack::Packed& layer : stack->layers) {
            const std::size_t field = static_cast<std::size_t>(rows) * layer.row;
            states.push_back({.h = {take(field), take(field)}, .c = take(field)});
        }
    }

    // Each field of the state that has a meaning, in the order of `get_state`, as (inside, floats of a row inside, H).
    template <class Each>
    void for_each_field(Each each) const {
        for (std::size_t i = 0; i < states.size(); ++i) {
            const Stack::Packed& layer = stack->layers[i];
            each(states[i].h[turn], layer.row, static_cast<std::size_t>(layer.layer.hidden));
            if (has_memory(layer.layer.cell)) {
                each(states[i].c, layer.row, static_cast<std::size_t>(layer.layer.hidden));
            }
        }
    }

    static constexpr std::size_t kFields = 3;
    std::shared_ptr<const Stack> stack;
    std::int64_t rows;
    std::size_t size = 0;
    Floats floats;
    Floats scratch;  // of one step
    std::vector<State> states;
    int turn = 0;
};

Stream::Stream(std::shared_ptr<const Stack> stack, std::int64_t rows)
    : memory_(std::make_unique<Memory>(std::move(stack), rows)) {}

Stream::Stream(const Stream& other) : Stream(other.memory_->stack, other.memory_->rows) {
    std::copy_n(other.memory_->floats.get(), memory_->size, memory_->floats.get());
    memory_->turn = other.memory_->turn;
}

Stream::Stream(Stream&&) noexcept = default;
Stream::~Stream() = default;

void Stream::step(const float* x, float* out) noexcept {
    Memory& m = *memory_;
    std::int64_t x_row = features();
    for (std::size_t i = 0; i < m.states.size(); ++i) {
        const Stack::Packed& packed = m.stack->layers[i];
        const Memory::State& state = m.states[i];
        float* const next = state.h[1 - m.turn];
        m.stack->kernels->step(packed.layer, packed.weights.get(), m.rows, x, x_row, state.h[m.turn], next, state.c,
                               m.scratch.get());
        x = next;
        x_row = static_cast<std::int64_t>(packed.row);
    }
    m.turn = 1 - m.turn;
    const std::int64_t width = outputs();
    for (std::int64_t b = 0; b < m.rows; ++b) std::copy_n(x + b * x_row, width, out + b * width);
}

std::size_t Stream::state_size() const noexcept {
    std::size_t size = 0;
    memory_->for_each_field([&](const float*, std::size_t, std::size_t hidden) { size += hidden; });
    return size * static_cast<std::size_t>(memory_->rows);
}

void Stream::get_state(float* state) const noexcept {
    memory_->for_each_field([&](const float* field, std::size_t row, std::size_t hidden) {
        for (std::int64_t b = 0; b < memory_->rows; ++b, field += row) state = std::copy_n(field, hidden, state);
    });
}

void Stream::set_state(const float* state) noexcept {
    memory_->for_each_field([&](float* field, std::size_t row, std::size_t hidden) {
        for (std::int64_t b = 0; b < memory_->rows; ++b, field += row, state += hidden) {
            std::copy_n(state, hidden, field);
        }
    });
}

void Stream::reset() noexcept {
    std::fill_n(memory_->floats.get(), memory_->size, 0.0F);
}

std::int64_t Stream::rows() const noexcept {
    return memory_->rows;
}

std::int64_t Stream::features() const noexcept {
    return memory_->stack->layers.front().layer.features;
}

std::int64_t Stream::outputs() const noexcept {
    return memory_->stack->layers.back().layer.hidden;
}

}  // namespace recurra::core
