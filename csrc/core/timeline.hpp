#pragma once

#include <cstdint>
#include <vector>

#include "core/recurrent.hpp"

namespace recurra::core {

// Which rows take part in which step, and where they lie.
//
// Inside, rows are sorted by falling length, so that those of step t are the first active[t], and the rows of all
// steps are counted through: row b of step t is number start[t] + b. Plain data, so that the files compiled for one
// instruction set share no code with others.
struct Timeline {
    std::int64_t time = 0;
    std::int64_t rows = 0;
    std::int64_t total = 0;  // rows of all steps together
    bool reverse = false;
    bool packed = false;
    const std::int64_t* active = nullptr;  // (-1 .. T), 0 at both ends
    const std::int64_t* start = nullptr;   // (0 .. T)
    const std::int64_t* order = nullptr;   // (B) which row of the caller's each is; null: the same
    const std::uint8_t* resets = nullptr;  // as in Steps
};

// Makes a timeline and owns what it points to.
class TimelineMemory {
  public:
    explicit TimelineMemory(const Steps& steps);
    [[nodiscard]] const Timeline& timeline() const noexcept;

  private:
    std::vector<std::int64_t> active_, start_, order_;
    Timeline timeline_;
};

}  // namespace recurra::core
