#include "core/observed.hpp"

#include <cmath>

namespace recurra::core {

void steps_since_observed(std::span<const float> values, std::span<const std::int64_t> offsets, std::size_t columns,
                          std::span<float> out) noexcept {
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        const auto first = static_cast<std::size_t>(offsets[s]) * columns;
        const auto last = static_cast<std::size_t>(offsets[s + 1]) * columns;
        for (std::size_t i = first; i < last; ++i) {
            const float before = i < first + columns ? 0.0F : out[i - columns];
            out[i] = std::isnan(values[i]) ? before + 1.0F : 0.0F;
        }
    }
}

}  // namespace recurra::core
