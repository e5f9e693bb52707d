#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace recurra::core {

// How long ago each column was last observed, row by row; a NaN is a value that wasn't observed.
//   values   (N, C)    read
//   offsets  (S + 1)   read     rows of series s are offsets[s]..offsets[s+1]; starts at 0, never falls, ends at N
//   out      (N, C)    written  must not overlap any input
// out is 0 in a row that is observed, otherwise one more than in the row before; the count starts anew with each
// series, so before a series' first observation it is the rows since the series began, plus one.
// Whole numbers in float: exact up to 2^24 rows, and it stays there beyond. For N = 0 nothing is touched.
void steps_since_observed(std::span<const float> values, std::span<const std::int64_t> offsets, std::size_t columns,
                          std::span<float> out) noexcept;

}  // namespace recurra::core
