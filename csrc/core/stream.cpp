#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/kernels.hpp"
#include "core/recurrent.hpp"
#include "core/stack.hpp"

namespace recurra::core {

namespace {

template <class LayerWeights>
Stack::Packed packed(const Layer& layer, const LayerWeights& weights, const StepKernels<LayerWeights>& by) {
    Floats memory = zeros(by.size(layer));
    by.pack(layer, weights, memory.get());
    return {.layer = layer,
            .weights = std::move(memory),
            .step = by.step,
            .row = kernels().row_size(layer.hidden),
            .scratch_row = by.scratch_row(layer),
            .in_bytes = std::is_same_v<LayerWeights, QuantizedWeights>,
            .gates_row = by.gates_row,
            .input_gates = by.input_gates};
}

}  // namespace

std::shared_ptr<const Stack> make_stack(std::span<const Layer> layers, std::span<const AnyWeights> weights) {
    auto stack = std::make_shared<Stack>();
    stack->kernels = &kernels();
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto* const quantized = std::get_if<QuantizedWeights>(&weights[i]);
        if (quantized == nullptr) {
            stack->layers.push_back(packed(layers[i], std::get<Weights>(weights[i]), kernels().floats));
            continue;
        }
        const Kernels& by = byte_kernels();
        stack->layers.push_back(packed(layers[i], *quantized, quantized->w_ih == nullptr ? by.state_bytes : by.bytes));
    }
    return stack;
}

std::int64_t state_size(const Stack& stack) noexcept {
    return stack.state_size();
}

struct Stream::Memory {
    Memory(std::shared_ptr<const Stack> of, std::int64_t of_rows)
        : stack(std::move(of)),
          floats(zeros(static_cast<std::size_t>(StackRows::floats(*stack, of_rows)))),
          rows(*stack, of_rows, floats.get()) {}

    std::shared_ptr<const Stack> stack;
    Floats floats;
    StackRows rows;
};

Stream::Stream(std::shared_ptr<const Stack> stack, std::int64_t rows)
    : memory_(std::make_unique<Memory>(std::move(stack), rows)) {}

Stream::Stream(const Stream& other) : Stream(other.memory_->stack, other.rows()) {
    std::copy_n(other.memory_->floats.get(), rows() * StackRows::state_row(*memory_->stack), memory_->floats.get());
    memory_->rows.continue_as(other.memory_->rows);
}

Stream::Stream(Stream&&) noexcept = default;
Stream::~Stream() = default;

void Stream::step(const float* x, float* out) noexcept {
    StackRows& m = memory_->rows;
    m.step(x, features());
    const std::int64_t width = outputs();
    for (std::int64_t b = 0; b < m.rows(); ++b) {
        std::copy_n(m.output() + b * m.output_row(), width, out + b * width);
    }
}

std::size_t Stream::state_size() const noexcept {
    return static_cast<std::size_t>(memory_->stack->state_size() * rows());
}

void Stream::get_state(float* state) const noexcept {
    memory_->rows.for_each_field([&](const float* field, std::int64_t row, std::int64_t hidden) {
        for (std::int64_t b = 0; b < rows(); ++b, field += row) state = std::copy_n(field, hidden, state);
    });
}

void Stream::set_state(const float* state) noexcept {
    memory_->rows.for_each_field([&](float* field, std::int64_t row, std::int64_t hidden) {
        for (std::int64_t b = 0; b < rows(); ++b, field += row, state += hidden) std::copy_n(state, hidden, field);
    });
}

void Stream::reset() noexcept {
    memory_->rows.clear();
}

std::int64_t Stream::rows() const noexcept {
    return memory_->rows.rows();
}

std::int64_t Stream::features() const noexcept {
    return memory_->stack->features();
}

std::int64_t Stream::outputs() const noexcept {
    return memory_->stack->outputs();
}

}  // namespace recurra::core
