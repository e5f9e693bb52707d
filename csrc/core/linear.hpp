#pragma once

#include <cstdint>

#include "core/floats.hpp"
#include "core/kernels.hpp"

namespace recurra::core {

// x W^T + b, the weights packed once for the instruction set in use.
class Linear {
  public:
    // weight (N, K), N and K at least 1, and bias (N), or null: 0. All are copied. Throws std::bad_alloc alone.
    Linear(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs);
    // In bytes, scale (N), and rounding x, as in QuantizedWeights.
    Linear(const std::int8_t* weight, const float* scale, const float* bias, std::int64_t outputs, std::int64_t inputs);

    // Row r of x (B, K), read, begins at x + r * x_row_stride; out (B, N), written, likewise, and overlaps no input. A
    // row's result is the same bit by bit whatever other rows there are. Any number of threads may do this at once.
    void apply(const float* x, std::int64_t rows, std::int64_t x_row_stride, float* out,
               std::int64_t out_row_stride) const noexcept;

    [[nodiscard]] std::int64_t outputs() const noexcept { return map_.outputs; }  // N
    [[nodiscard]] std::int64_t inputs() const noexcept { return map_.inputs; }    // K

  private:
    Affine map_;
    Floats packed_;
    decltype(AffineKernels<float>::apply) apply_;
};

}  // namespace recurra::core
