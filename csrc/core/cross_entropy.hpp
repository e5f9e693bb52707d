#pragma once

#include <cstdint>

// Cross-entropy of a linear map's outputs, as one operation: of N rows and V classes, V large.
//
//   z = x W^T + b        p = softmax(z)        smoothed target q = (1 - smoothing) [v = target] + smoothing / V
//   loss = - sum over v of q log p             dL/dz = p - q
namespace recurra::core {

//   x (N, F)  row r begins at x + r * x_row      weight (V, F)      bias (V), or null: 0
//   target (N)  in [0, V), or `ignored`: such a row isn't computed at all
// All read. V and F are at least 1.
struct LinearCrossEntropy {
    std::int64_t rows = 0;      // N
    std::int64_t features = 0;  // F
    std::int64_t classes = 0;   // V
    const float* x = nullptr;
    std::int64_t x_row = 0;
    const float* weight = nullptr;
    const float* bias = nullptr;
    const std::int64_t* target = nullptr;
    std::int64_t ignored = 0;
    float smoothing = 0;
    int threads = 1;
};

struct LinearCrossEntropyForward {
    LinearCrossEntropy of;
    float* losses = nullptr;   // (N)     written; 0 where the target is ignored
    float* softmax = nullptr;  // (N, 2)  written: the largest logit, and the sum over classes of e^(logit - largest)
    float* logits = nullptr;   // (N, logits_row(V))  written for `backward`, in an order of its own; null: not kept
};

struct LinearCrossEntropyBackward {
    LinearCrossEntropy of;
    const float* softmax = nullptr;      // as `forward` wrote it
    const float* logits = nullptr;       // as `forward` wrote it
    const float* grad_losses = nullptr;  // (N)  read
    // All written, none added to, overlapping no input; null: not wanted.
    float* grad_x = nullptr;       // (N, F)
    float* grad_weight = nullptr;  // (V, F)
    float* grad_bias = nullptr;    // (V)
};

// How many floats of logits are kept of a row.
[[nodiscard]] std::int64_t logits_row(std::int64_t classes) noexcept;

// Results are equal bit by bit for any number of threads, and a row's losses and gradients for whatever other rows
// there are. A NaN in one row of x stays in that row. Throws std::bad_alloc alone.
void linear_cross_entropy_forward(const LinearCrossEntropyForward& call);
void linear_cross_entropy_backward(const LinearCrossEntropyBackward& call);

}  // namespace recurra::core
