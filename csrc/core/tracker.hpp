#pragma once

#include <cstdint>
#include <memory>
#include <vector>

// Forecasts held against what then happened, by which their intervals move: quantile tracking, as
// recurra.tasks.forecast._live_tracking describes it. K steps ahead, C targets, N numbers of each: the mean and
// quantiles.
namespace recurra::core {

// What all sessions of a model have in common: which steps ahead are followed, and how far a truth moves them.
struct Followed {
    std::int64_t horizon = 0;           // K
    std::int64_t targets = 0;           // C
    std::int64_t numbers = 0;           // N
    std::vector<std::int64_t> leads;    // (n)  rising, the first is 1
    std::vector<std::int64_t> strides;  // (n)  every so many rows one forecast is kept; a lead is a multiple of its
    std::vector<std::int64_t> nearest;  // (K)  the followed step, counted from 0, that each step ahead moves with
    std::vector<float> up;              // (N)  how each moves when the truth lies above it, in usual errors
    std::vector<float> down;            // (N)  and when it doesn't
    std::vector<float> base;            // (K, C, N)  the correction to begin with, in spreads
    std::vector<float> floor;           // (C)  below which nothing is forecast
    std::vector<double> trained;        // (C)  the error of one step ahead in training, in scales; empty: unknown
    double clip = 0;                    // an error of more spreads, or scales, counts as so many
    std::int64_t middle = 0;            // of the N: what one step ahead is judged by
    std::int64_t median = 0;            // of the N: what stays where the network has it; 0: none

    // Worked out by `complete`.
    std::vector<std::int64_t> slots{};    // (n)  forecasts that wait at most
    std::vector<std::int64_t> offsets{};  // (n)  where the slots of each begin
    std::int64_t size = 0;                // slots in all

    // Throws std::invalid_argument where the parts don't fit each other.
    void complete();
    [[nodiscard]] std::int64_t width() const noexcept { return targets * numbers; }
};

// A forecast (K, C, N) as the network gives it, in any order of axes; strides count floats, 0 repeats.
struct RawForecast {
    const float* data = nullptr;
    std::int64_t strides[3]{};
};

class Tracker {
  public:
    // `followed` is complete. With `adapts` false the correction stays what it is. Throws std::bad_alloc alone.
    Tracker(std::shared_ptr<const Followed> followed, bool adapts);

    // Holds what was said of a row, at least 0, against its truth (C), NaN where missing; scales (C) are the series'.
    void judge(std::int64_t row, const double* truth, const double* scales) noexcept;

    // The calibrated forecast made after a row, at least 0, of the raw one and the window's spread (C): written to out
    // (K, C, N), and kept until its truths come.
    void finish(std::int64_t row, const RawForecast& raw, const float* spread, float* out) noexcept;

    // The same, not kept.
    void calibrate(const RawForecast& raw, const float* spread, float* out) const noexcept;

    // No forecast was made after a row: what waits in its place is out of date.
    void forget(std::int64_t row) noexcept;

    // The rolling error of one step ahead over that in training; NaN while it can't be told.
    [[nodiscard]] double drift() const noexcept;

    [[nodiscard]] const Followed& followed() const noexcept { return *followed_; }
    // (n, C N), the correction of followed steps, and (size, C N), forecasts that wait, NaN where none does; both empty
    // if it doesn't adapt.
    [[nodiscard]] std::vector<float>& moved() noexcept { return moved_; }
    [[nodiscard]] std::vector<float>& waiting() noexcept { return waiting_; }
    // (5, C): truths so far, rolling error in spreads and in scales; of the last forecast, the middle of one step ahead
    // and the spread.
    [[nodiscard]] std::vector<double>& numbers() noexcept { return numbers_; }
    // The last row that a forecast waits for, and the row that the last one saw one step ahead; -1: none.
    [[nodiscard]] std::int64_t& until() noexcept { return until_; }
    [[nodiscard]] std::int64_t& next() noexcept { return next_; }

  private:
    // Calls each(followed step, slot) where forecasts of a row wait, and where those made after it will.
    template <class Each>
    void for_each_slot(std::int64_t row, Each each) const noexcept;
    void count(const double* truth, const double* scales) noexcept;
    void correct(const RawForecast& raw, const float* spread, float* out) const noexcept;
    void settle(float* forecast) const noexcept;

    std::shared_ptr<const Followed> followed_;
    bool adapts_;
    std::vector<float> moved_, waiting_;
    std::vector<double> numbers_;
    std::int64_t until_ = -1;
    std::int64_t next_ = -1;
};

}  // namespace recurra::core
