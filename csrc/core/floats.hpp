#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace recurra::core {

struct Release {
    void operator()(float* data) const noexcept { ::operator delete(data, std::align_val_t{64}); }
};
// Floats from a cache line on.
using Floats = std::unique_ptr<float, Release>;

inline Floats zeros(std::size_t count) {
    Floats data(
        static_cast<float*>(::operator new(std::max<std::size_t>(count, 1) * sizeof(float), std::align_val_t{64})));
    std::fill_n(data.get(), count, 0.0F);
    return data;
}

}  // namespace recurra::core
