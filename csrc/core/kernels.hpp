#pragma once

#include "core/cross_entropy.hpp"
#include "core/recurrent.hpp"
#include "core/timeline.hpp"

namespace recurra::core {

// One step of B rows of a layer: h and c are (B, row_size), h_next too, and only that is written of h; `scratch` is
// (B, scratch_row). Of one row `gates` may be what `input_gates` wrote for its x, which isn't read then; or it is null.
// `is_one_state` says that all rows have the state of the first: what it gives to the gates is computed once.
using Step = void(const Layer& layer, const float* packed, std::int64_t rows, const float* x, std::int64_t x_row,
                  const float* gates, const float* h, float* h_next, float* c, float* scratch,
                  bool is_one_state) noexcept;

// A layer's weights of this kind packed into `size` floats, and what steps with them.
template <class LayerWeights>
struct StepKernels {
    std::size_t (*size)(const Layer& layer) noexcept;
    void (*pack)(const Layer& layer, const LayerWeights& weights, float* packed) noexcept;
    std::int64_t (*scratch_row)(const Layer& layer) noexcept;
    Step* step;
    // What one row of x gives to the gates, (gates_row) floats; both null where x is rounded.
    std::int64_t (*gates_row)(const Layer& layer) noexcept;
    void (*input_gates)(const Layer& layer, const float* packed, const float* x, float* gates) noexcept;
};

// An affine map of K numbers to N.
struct Affine {
    std::int64_t outputs = 0;  // N
    std::int64_t inputs = 0;   // K
};

// Likewise, and rows of x through it; a matrix of bytes has scales.
template <class Number>
struct AffineKernels {
    std::size_t (*size)(const Affine& map) noexcept;
    void (*pack)(const Affine& map, const Number* weight, const float* scale, const float* bias,
                 float* packed) noexcept;
    void (*apply)(const Affine& map, const float* packed, const float* x, std::int64_t rows, std::int64_t x_row,
                  float* out, std::int64_t out_row) noexcept;
};

// Rows by number, rising.
struct RowNumbers {
    const std::int64_t* at = nullptr;
    std::int64_t count = 0;
};

// What is compiled once for each instruction set.
struct Kernels {
    const char* name;
    void (*forward)(const Forward& call, const Timeline& timeline);
    void (*backward)(const Backward& call, const Timeline& timeline);
    std::size_t (*tape_size)(const Layer& layer, std::int64_t rows, bool recompute) noexcept;
    std::int64_t (*row_size)(std::int64_t hidden) noexcept;
    StepKernels<Weights> floats;
    StepKernels<QuantizedWeights> bytes;
    StepKernels<QuantizedWeights> state_bytes;  // where W_ih is floats
    AffineKernels<float> affine;
    AffineKernels<std::int8_t> byte_affine;
    // Of these rows alone, at least one.
    void (*cross_entropy_forward)(const LinearCrossEntropyForward& call, RowNumbers rows);
    void (*cross_entropy_backward)(const LinearCrossEntropyBackward& call, RowNumbers rows);
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
// Products of bfloat16, sums of floats, for whole sequences; and the best products of bytes. What steps with floats is
// not to be used.
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

// Those in use, and those for bytes beside them.
const Kernels& kernels() noexcept;
const Kernels& byte_kernels() noexcept;

}  // namespace recurra::core
