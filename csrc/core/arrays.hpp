#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// Loops over the small arrays of a network, (d0, d1, d2) each.
namespace recurra::core::arrays {

using Index = std::int64_t;

inline std::size_t at(Index i) noexcept {
    return static_cast<std::size_t>(i);
}

// out[i, j, k] = f(x[i, j, k], y[i, j, k]) with any strides of x and y, 0 where an axis is repeated.
template <class F>
void for_each(const std::array<Index, 3>& dims, const float* x, const std::array<Index, 3>& sx, const float* y,
              const std::array<Index, 3>& sy, float* out, F f) noexcept {
    for (Index i = 0; i < dims[0]; ++i) {
        for (Index j = 0; j < dims[1]; ++j) {
            const float* const xs = x + i * sx[0] + j * sx[1];
            const float* const ys = y + i * sy[0] + j * sy[1];
            const Index n = dims[2];
            if (sx[2] == 1 && sy[2] == 1) {
                for (Index k = 0; k < n; ++k) out[k] = f(xs[k], ys[k]);
            } else if (sx[2] == 1) {
                for (Index k = 0; k < n; ++k) out[k] = f(xs[k], ys[0]);
            } else if (sy[2] == 1) {
                for (Index k = 0; k < n; ++k) out[k] = f(xs[0], ys[k]);
            } else {
                for (Index k = 0; k < n; ++k) out[k] = f(xs[0], ys[0]);
            }
            out += n;
        }
    }
}

template <class F>
void for_each(Index size, const float* x, float* out, F f) noexcept {
    for (Index i = 0; i < size; ++i) out[i] = f(x[i]);
}

// In so many sums that they don't wait for each other.
inline float total(const float* x, Index size) noexcept {
    constexpr Index kSums = 16;
    float sums[kSums] = {};
    Index i = 0;
    for (; i + kSums <= size; i += kSums) {
        for (Index k = 0; k < kSums; ++k) sums[k] += x[i + k];
    }
    float rest = 0;
    for (; i < size; ++i) rest += x[i];
    for (const float sum : sums) rest += sum;
    return rest;
}

// Strides of a value in a result of these axes; false if they don't fit.
inline bool broadcast(const std::array<Index, 3>& from, const std::array<Index, 3>& to, std::array<Index, 3>& strides) {
    Index stride = 1;
    for (std::size_t axis = 3; axis-- > 0;) {
        if (from[axis] != to[axis] && from[axis] != 1) return false;
        strides[axis] = from[axis] == 1 ? 0 : stride;
        stride *= from[axis];
    }
    return true;
}

// As few axes as say the same, at the end: long inner loops.
inline void join_axes(std::array<Index, 3>& dims, std::array<Index, 3>& x, std::array<Index, 3>& y) {
    for (int turn = 0; turn < 2; ++turn) {
        for (std::size_t axis = 2; axis > 0; --axis) {
            const std::size_t outer = axis - 1;
            const bool fits = dims[outer] == 1 || dims[axis] == 1 ||
                              (x[outer] == x[axis] * dims[axis] && y[outer] == y[axis] * dims[axis]);
            if (!fits) continue;
            if (dims[axis] == 1) {
                x[axis] = x[outer];
                y[axis] = y[outer];
            }
            dims[axis] *= dims[outer];
            dims[outer] = 1;
        }
    }
}

}  // namespace recurra::core::arrays
