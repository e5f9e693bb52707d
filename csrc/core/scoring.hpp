#pragma once

#include <algorithm>
#include <cmath>

#include "core/arrays.hpp"

// Scores of labels and categories.
namespace recurra::core::arrays {

// One step of Viterbi's algorithm: of the best path that ends in each label, its score, less that of the best of all.
//   before (L) scores of the step before, or null: `first` (L) are what paths begin with
//   transitions (L, L), from and to   scores (L) of this step   now (L) written, may not be `before`
inline void extend_paths(const float* before, const float* first, const float* transitions, const float* scores,
                         Index labels, float* now) noexcept {
    if (before == nullptr) {
        std::copy_n(first, labels, now);
    } else {
        for (Index to = 0; to < labels; ++to) now[to] = before[0] + transitions[to];
        for (Index from = 1; from < labels; ++from) {
            const float* const moves = transitions + from * labels;
            for (Index to = 0; to < labels; ++to) now[to] = std::max(now[to], before[from] + moves[to]);
        }
    }
    for (Index to = 0; to < labels; ++to) now[to] += scores[to];
    const float best = *std::max_element(now, now + labels);
    for (Index to = 0; to < labels; ++to) now[to] -= best;
}

// out = log softmax x, both (n).
inline void log_softmax(const float* x, Index n, float* out) noexcept {
    const float largest = *std::max_element(x, x + n);
    for (Index i = 0; i < n; ++i) out[i] = std::exp(x[i] - largest);
    const float log_sum = largest + std::log(total(out, n));
    for (Index i = 0; i < n; ++i) out[i] = x[i] - log_sum;
}

}  // namespace recurra::core::arrays
