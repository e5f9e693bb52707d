#include "core/linear.hpp"

#include "core/kernels.hpp"

namespace recurra::core {

Linear::Linear(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs)
    : kernels_(&kernels()), outputs_(outputs), inputs_(inputs), packed_(zeros(kernels_->linear_size(outputs, inputs))) {
    kernels_->pack_linear(weight, bias, outputs, inputs, packed_.get());
}

void Linear::apply(const float* x, std::int64_t rows, std::int64_t x_row_stride, float* out,
                   std::int64_t out_row_stride) const noexcept {
    kernels_->linear(packed_.get(), outputs_, inputs_, x, rows, x_row_stride, out, out_row_stride);
}

}  // namespace recurra::core
