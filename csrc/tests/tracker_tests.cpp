// Forecasts held against the truth: what they come to is checked from Python, against a witness that keeps every
// forecast; here that no memory but their own is touched, whatever comes, and that what doesn't fit is refused.

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "core/tracker.hpp"
#include "tests/expect.hpp"

namespace {

using recurra::core::Followed;
using recurra::core::Tracker;

constexpr std::int64_t kNumbers = 4;

// Leads 1, 2 and `horizon`, which is a multiple of 3, the last with a forecast kept every three rows.
Followed some(std::int64_t horizon, std::int64_t targets) {
    Followed it{.horizon = horizon,
                .targets = targets,
                .numbers = kNumbers,
                .leads = {1, 2, horizon},
                .strides = {1, 1, 3},
                .nearest = std::vector<std::int64_t>(static_cast<std::size_t>(horizon), 2),
                .up = {0, 0.01F, 0, 0.09F},
                .down = {0, -0.09F, 0, -0.01F},
                .base = std::vector<float>(static_cast<std::size_t>(horizon * targets * kNumbers), 0.5F),
                .floor = std::vector<float>(static_cast<std::size_t>(targets), -1.0F),
                .trained = {},
                .clip = 10,
                .middle = 2,
                .median = 2};
    it.nearest[0] = 0;
    it.nearest[1] = 1;
    return it;
}

bool is_refused(Followed it) {
    try {
        it.complete();
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

void what_does_not_fit_is_refused() {
    EXPECT(!is_refused(some(6, 2)));
    for (int wrong = 0; wrong < 9; ++wrong) {
        Followed it = some(6, 2);
        if (wrong == 0) it.leads = {1, 2, 7};
        if (wrong == 1) it.leads = {2, 1, 6};
        if (wrong == 2) it.strides = {1, 1, 4};
        if (wrong == 3) it.strides = {1, 1};
        if (wrong == 4) it.nearest[3] = 3;
        if (wrong == 5) it.base.pop_back();
        if (wrong == 6) it.floor.push_back(0);
        if (wrong == 7) it.median = kNumbers;
        if (wrong == 8) it.trained = {1.0};
        EXPECT(is_refused(it));
    }
}

void rows_far_apart_and_numbers_of_any_size_pass() {
    for (const bool adapts : {true, false}) {
        const std::int64_t horizon = 6;
        const std::int64_t targets = 2;
        const auto followed = std::make_shared<Followed>(some(horizon, targets));
        followed->complete();
        Tracker tracker(followed, adapts);
        std::vector<float> raw(static_cast<std::size_t>(horizon * targets * kNumbers));
        std::vector<float> out(raw.size());
        const float spread[] = {2.0F, 1e38F};
        const double scales[] = {1.0, 0.0};
        const float odd[] = {0.0F, -1.0F, 3e38F, std::numeric_limits<float>::quiet_NaN(), -3e38F, 7.0F, 1.0F};
        std::int64_t row = 0;
        for (int turn = 0; turn < 200; ++turn) {
            for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = odd[(i + static_cast<std::size_t>(turn)) % 7];
            const double truth[] = {odd[turn % 7], odd[(turn + 3) % 7]};
            tracker.judge(row, truth, scales);
            if (turn % 5 == 4) {
                tracker.forget(row);
            } else {
                tracker.finish(row, {.data = raw.data(), .strides = {targets * kNumbers, kNumbers, 1}}, spread,
                               out.data());
                EXPECT(!(out[1] > out[2]) && !(out[2] > out[3]) && !(out[0] < -1.0F));
            }
            row += turn % 11 == 10 ? std::int64_t{1'000'000'000'000} : 1;
        }
        for (const float moved : tracker.moved()) EXPECT(std::isfinite(moved));
        EXPECT(tracker.moved().empty() != adapts && std::isnan(tracker.drift()));
        tracker.until() = row;  // as in a state that was made up
        tracker.forget(row - 1);
    }
}

}  // namespace

int main(int argc, char** argv) {
    using recurra::test::Test;
    const Test tests[] = {TEST(what_does_not_fit_is_refused), TEST(rows_far_apart_and_numbers_of_any_size_pass)};
    return recurra::test::run_tests(tests, std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
