#include "core/tracker.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/arrays.hpp"

namespace recurra::core {

using arrays::at;
using arrays::Index;

namespace {

constexpr double kMemory = 0.03;  // weight of the newest error in the rolling ones
constexpr double kEnough = 20;    // truths before drift is spoken of
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Ascending, NaN last. Nearly always they are in order already.
void sort(float* x, Index size) noexcept {
    for (Index i = 1; i < size; ++i) {
        if (x[i] >= x[i - 1]) continue;
        const float value = x[i];
        Index to = i;
        for (; to > 0 && (value < x[to - 1] || (std::isnan(x[to - 1]) && !std::isnan(value))); --to) x[to] = x[to - 1];
        x[to] = value;
    }
}

}  // namespace

void Followed::complete() {
    const std::size_t count = leads.size();
    const auto expect = [](bool so, const char* what) {
        if (!so) throw std::invalid_argument(what);
    };
    expect(horizon >= 1 && targets >= 1 && numbers >= 2, "a forecast has steps, targets, and quantiles beside a mean");
    expect(count >= 1 && strides.size() == count, "each step that is followed has a stride");
    expect(nearest.size() == at(horizon) && up.size() == at(numbers) && down.size() == at(numbers) &&
               base.size() == at(horizon * width()) && floor.size() == at(targets) &&
               (trained.empty() || trained.size() == at(targets)),
           "something about the forecasts has another size than they have");
    expect(middle >= 0 && middle < numbers && median >= 0 && median < numbers, "the median isn't among the numbers");
    size = 0;
    for (std::size_t i = 0; i < count; ++i) {
        expect(strides[i] >= 1 && leads[i] % strides[i] == 0 && leads[i] <= horizon &&
                   leads[i] > (i == 0 ? 0 : leads[i - 1]),
               "steps that are followed must rise, each a multiple of its stride");
        slots.push_back(leads[i] / strides[i]);
        offsets.push_back(size);
        size += slots.back();
    }
    for (const Index step : nearest) expect(step >= 0 && at(step) < count, "there is no such step to move with");
}

Tracker::Tracker(std::shared_ptr<const Followed> followed, bool adapts)
    : followed_(std::move(followed)), adapts_(adapts), numbers_(at(5 * followed_->targets), 0.0) {
    if (!adapts_) return;
    const Index width = followed_->width();
    for (const Index lead : followed_->leads) {
        const float* const from = followed_->base.data() + (lead - 1) * width;
        moved_.insert(moved_.end(), from, from + width);
    }
    waiting_.assign(at(followed_->size * width), kMissing);
}

template <class Each>
void Tracker::for_each_slot(Index row, Each each) const noexcept {
    const Followed& it = *followed_;
    for (std::size_t i = 0; i < it.leads.size(); ++i) {
        const Index turn = it.strides[i] == 1 ? row : row / it.strides[i];
        if (it.strides[i] == 1 || turn * it.strides[i] == row) {
            each(static_cast<Index>(i), it.offsets[i] + turn % it.slots[i]);
        }
    }
}

void Tracker::judge(Index row, const double* truth, const double* scales) noexcept {
    if (row == next_) count(truth, scales);
    if (!adapts_ || row > until_) return;
    const Followed& it = *followed_;
    const double* const usual = numbers_.data() + it.targets;
    for_each_slot(row, [&](Index step, Index slot) {
        const float* said = waiting_.data() + slot * it.width();
        float* moved = moved_.data() + step * it.width();
        for (Index target = 0; target < it.targets; ++target, said += it.numbers, moved += it.numbers) {
            const auto value = static_cast<float>(truth[target]);
            const auto error = static_cast<float>(usual[target]);
            for (Index n = 0; n < it.numbers; ++n) {
                const float move = (said[n] < value ? it.up[at(n)] : it.down[at(n)]) * error;
                moved[n] += std::isnan(said[n] - value) ? 0.0F : move;
            }
        }
    });
}

void Tracker::count(const double* truth, const double* scales) noexcept {
    const Index targets = followed_->targets;
    double* const seen = numbers_.data();
    double* const in_spreads = seen + targets;
    double* const in_scales = in_spreads + targets;
    const double* const middle = in_scales + targets;
    const double* const spread = middle + targets;
    const double clip = followed_->clip;
    const auto clipped = [clip](double error) { return error < clip ? error : clip; };
    for (Index c = 0; c < targets; ++c) {
        const double error = std::fabs(truth[c] - middle[c]);
        if (!(error < std::numeric_limits<double>::infinity())) continue;  // missing, or beyond all bounds
        seen[c] += 1;
        const double share = std::max(kMemory, 1 / seen[c]);
        in_spreads[c] += share * (clipped(error / spread[c]) - in_spreads[c]);
        in_scales[c] += share * (clipped(error / scales[c]) - in_scales[c]);
    }
}

void Tracker::finish(Index row, const RawForecast& raw, const float* spread, float* out) noexcept {
    const Followed& it = *followed_;
    const Index width = it.width();
    correct(raw, spread, out);
    next_ = row + 1;
    if (adapts_) {
        for_each_slot(row, [&](Index step, Index slot) {  // each quantile as it was moved
            std::copy_n(out + (it.leads[at(step)] - 1) * width, width, waiting_.data() + slot * width);
        });
        until_ = row + it.leads.back();
    }
    settle(out);
    double* const middle = numbers_.data() + 3 * it.targets;
    for (Index target = 0; target < it.targets; ++target) {
        middle[target] = out[target * it.numbers + it.middle];
        middle[it.targets + target] = spread[target];
    }
}

void Tracker::calibrate(const RawForecast& raw, const float* spread, float* out) const noexcept {
    correct(raw, spread, out);
    settle(out);
}

void Tracker::correct(const RawForecast& raw, const float* spread, float* out) const noexcept {
    const Followed& it = *followed_;
    const Index width = it.width();
    const bool all_follow = it.leads.size() == at(it.horizon);
    for (Index step = 0; step < it.horizon; ++step) {
        const float* const base = it.base.data() + step * width;
        const Index near = it.nearest[at(step)];
        const float* const moved = adapts_ ? moved_.data() + near * width : base;
        const float* const begun = it.base.data() + (it.leads[at(near)] - 1) * width;
        for (Index target = 0; target < it.targets; ++target) {
            const float* const from = raw.data + step * raw.strides[0] + target * raw.strides[1];
            const float unit = spread[target];
            for (Index n = 0; n < it.numbers; ++n) {
                const Index i = target * it.numbers + n;
                const float by = !adapts_ || all_follow ? moved[i] : base[i] + (moved[i] - begun[i]);
                *out++ = by * unit + from[n * raw.strides[2]];
            }
        }
    }
}

// Puts quantiles that cross in order, none beyond the median, and keeps everything above the floor.
void Tracker::settle(float* forecast) const noexcept {
    const Followed& it = *followed_;
    const Index quantiles = it.numbers - 1;
    for (Index step = 0; step < it.horizon; ++step) {
        for (Index target = 0; target < it.targets; ++target, forecast += it.numbers) {
            float& mean = forecast[0];
            const float median = forecast[it.median];
            sort(forecast + 1, quantiles);
            if (adapts_ && it.median > 0 && forecast[it.median] != median && !std::isnan(median)) {
                for (Index n = 1; n < it.median; ++n) forecast[n] = std::min(forecast[n], median);
                for (Index n = it.median; n <= quantiles; ++n) forecast[n] = std::max(forecast[n], median);
                forecast[it.median] = median;
            }
            if (quantiles > 1) {
                if (mean < forecast[1]) mean = forecast[1];
                if (mean > forecast[quantiles]) mean = forecast[quantiles];
            }
            for (Index n = 0; n <= quantiles; ++n) {
                if (forecast[n] < it.floor[at(target)]) forecast[n] = it.floor[at(target)];
            }
        }
    }
}

void Tracker::forget(Index row) noexcept {
    if (!adapts_ || row > until_) return;
    const Index width = followed_->width();
    for_each_slot(row, [&](Index, Index slot) { std::fill_n(waiting_.data() + slot * width, width, kMissing); });
}

double Tracker::drift() const noexcept {
    const Followed& it = *followed_;
    const auto targets = static_cast<std::ptrdiff_t>(it.targets);
    if (it.trained.empty() || *std::min_element(numbers_.begin(), numbers_.begin() + targets) < kEnough) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    double total = 0;
    for (Index target = 0; target < it.targets; ++target) {
        total += numbers_[at(2 * it.targets + target)] / it.trained[at(target)];
    }
    return total / static_cast<double>(it.targets);
}

}  // namespace recurra::core
