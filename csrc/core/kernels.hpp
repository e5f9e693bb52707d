#pragma once

#include "core/recurrent.hpp"
#include "core/timeline.hpp"

namespace recurra::core {

// What is compiled once for each instruction set.
struct Kernels {
    const char* name;
    void (*forward)(const Forward& call, const Timeline& timeline);
    void (*backward)(const Backward& call, const Timeline& timeline);
    std::size_t (*tape_size)(const Layer& layer, std::int64_t rows, bool recompute) noexcept;
    // A layer's weights packed into packed_size floats, and one step of B rows with them; h and c are
    // (B, row_size), h_next too, and only that is written of h.
    std::size_t (*packed_size)(const Layer& layer) noexcept;
    void (*pack)(const Layer& layer, const Weights& weights, float* packed) noexcept;
    std::int64_t (*row_size)(std::int64_t hidden) noexcept;
    // `scratch` is (B, scratch_row).
    std::int64_t (*scratch_row)(const Layer& layer) noexcept;
    void (*step)(const Layer& layer, const float* packed, std::int64_t rows, const float* x, std::int64_t x_row,
                 const float* h, float* h_next, float* c, float* scratch) noexcept;
    // An affine map of K numbers to N packed into linear_size floats, and B rows through it.
    std::size_t (*linear_size)(std::int64_t outputs, std::int64_t inputs) noexcept;
    void (*pack_linear)(const float* weight, const float* bias, std::int64_t outputs, std::int64_t inputs,
                        float* packed) noexcept;
    void (*linear)(const float* packed, std::int64_t outputs, std::int64_t inputs, const float* x, std::int64_t rows,
                   std::int64_t x_row, float* out, std::int64_t out_row) noexcept;
    // Multiply-adds, as many as are counted in the result, from registers alone.
    double (*multiply_adds)(std::int64_t rounds) noexcept;
};

#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
// Products of bfloat16, sums of floats. For whole sequences; its `step` and `linear` are not to be used.
namespace avx512_bf16 {
extern const Kernels kernels;
}
#endif
// What runs on any machine.
#if defined(__aarch64__)
namespace neon {
extern const Kernels kernels;
}
#else
namespace baseline {
extern const Kernels kernels;
}
#endif

// Those in use.
const Kernels& kernels() noexcept;

}  // namespace recurra::core
