#include "core/cross_entropy.hpp"

#include <algorithm>
#include <vector>

#include "core/kernels.hpp"

namespace recurra::core {

namespace {

std::vector<std::int64_t> kept_rows(const LinearCrossEntropy& call) {
    std::vector<std::int64_t> kept;
    kept.reserve(static_cast<std::size_t>(call.rows));
    for (std::int64_t row = 0; row < call.rows; ++row) {
        if (call.target[row] != call.ignored) kept.push_back(row);
    }
    return kept;
}

void fill_zeros(float* data, std::int64_t count) noexcept {
    if (data != nullptr) std::fill_n(data, count, 0.0F);
}

}  // namespace

std::int64_t logits_row(std::int64_t classes) noexcept {
    constexpr std::int64_t kMostLanes = 16;  // a whole number of vectors, whatever the instruction set
    return (classes + kMostLanes - 1) / kMostLanes * kMostLanes;
}

void linear_cross_entropy_forward(const LinearCrossEntropyForward& call) {
    const std::vector<std::int64_t> kept = kept_rows(call.of);
    const auto count = static_cast<std::int64_t>(kept.size());
    if (count < call.of.rows) {
        fill_zeros(call.losses, call.of.rows);
        fill_zeros(call.softmax, 2 * call.of.rows);
    }
    if (count > 0) kernels().cross_entropy_forward(call, {kept.data(), count});
}

void linear_cross_entropy_backward(const LinearCrossEntropyBackward& call) {
    const std::vector<std::int64_t> kept = kept_rows(call.of);
    const auto count = static_cast<std::int64_t>(kept.size());
    if (count < call.of.rows) fill_zeros(call.grad_x, call.of.rows * call.of.features);
    if (count == 0) {
        fill_zeros(call.grad_weight, call.of.classes * call.of.features);
        fill_zeros(call.grad_bias, call.of.classes);
        return;
    }
    kernels().cross_entropy_backward(call, {kept.data(), count});
}

}  // namespace recurra::core
