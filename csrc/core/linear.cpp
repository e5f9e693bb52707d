#include "core/linear.hpp"

namespace recurra::core {

Linear::Linear(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs)
    : map_{.outputs = outputs, .inputs = inputs},
      packed_(zeros(kernels().affine.size(map_))),
      apply_(kernels().affine.apply) {
    kernels().affine.pack(map_, weight, nullptr, bias, packed_.get());
}

Linear::Linear(const std::int8_t* weight, const float* scale, const float* bias, std::int64_t outputs,
               std::int64_t inputs)
    : map_{.outputs = outputs, .inputs = inputs},
      packed_(zeros(byte_kernels().byte_affine.size(map_))),
      apply_(byte_kernels().byte_affine.apply) {
    byte_kernels().byte_affine.pack(map_, weight, scale, bias, packed_.get());
}

void Linear::apply(const float* x, std::int64_t rows, std::int64_t x_row_stride, float* out,
                   std::int64_t out_row_stride) const noexcept {
    apply_(map_, packed_.get(), x, rows, x_row_stride, out, out_row_stride);
}

}  // namespace recurra::core
