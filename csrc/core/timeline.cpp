#include "core/timeline.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace recurra::core {

TimelineMemory::TimelineMemory(const Steps& steps)
    : active_(static_cast<std::size_t>(steps.time + 2), 0), start_(static_cast<std::size_t>(steps.time + 1), 0) {
    timeline_.time = steps.time;
    timeline_.rows = steps.rows;
    timeline_.reverse = steps.reverse;
    timeline_.packed = !steps.batch_sizes.empty();
    if (timeline_.packed) {
        std::copy(steps.batch_sizes.begin(), steps.batch_sizes.end(), active_.begin() + 1);
    } else if (steps.lengths.empty()) {
        std::fill(active_.begin() + 1, active_.end() - 1, steps.rows);
    } else {
        const auto length = [&](std::int64_t row) { return steps.lengths[static_cast<std::size_t>(row)]; };
        order_.resize(static_cast<std::size_t>(steps.rows));
        std::iota(order_.begin(), order_.end(), 0);
        std::stable_sort(order_.begin(), order_.end(),
                         [&](std::int64_t a, std::int64_t b) { return length(a) > length(b); });
        // First how many rows have their last step at t, then how many have one at t or later.
        for (const std::int64_t steps_of_row : steps.lengths) {
            if (steps_of_row > 0) ++active_[static_cast<std::size_t>(steps_of_row)];
        }
        for (std::size_t t = active_.size() - 2; t > 1; --t) active_[t - 1] += active_[t];
    }
    std::partial_sum(active_.begin() + 1, active_.end() - 1, start_.begin() + 1);
    timeline_.total = start_.back();
    timeline_.active = active_.data() + 1;
    timeline_.start = start_.data();
    timeline_.order = order_.empty() ? nullptr : order_.data();
    timeline_.resets = steps.resets.empty() ? nullptr : steps.resets.data();
}

const Timeline& TimelineMemory::timeline() const noexcept {
    return timeline_;
}

}  // namespace recurra::core
