#pragma once

#include "core/rows.hpp"
#include "core/team.hpp"

// How threads share a call: each takes some rows, and they never wait for each other; or, where there are too few rows,
// each takes some panels of units, and they wait for each other after every step.
namespace recurra::core::RECURRA_ISA {

struct Sharing {
    bool by_rows = true;
    int threads = 1;
};

// `weights` counts the numbers of W_hh.
inline Sharing sharing_of(const Timeline& timeline, Index weights, Index panels, int threads) noexcept {
    constexpr Index kWorthAThread = 1U << 18U;  // multiply-adds of the call: some microseconds, what a thread costs
    constexpr Index kWorthWaiting = 1U << 13U;  // multiply-adds of a step, for each thread: a barrier takes as long
    constexpr Index kInTheCache = 1U << 16U;    // weights that each thread may as well read whole
    constexpr Index kTile = 6;
    const Index rows = timeline.rows;
    Index team = timeline.total * weights / kWorthAThread;
    team = team < threads ? team : threads;
    if (team <= 1) return {};
    if (rows >= kTile * team || (rows >= 2 * team && weights <= kInTheCache)) return {true, static_cast<int>(team)};
    Index by_units = rows * weights / kWorthWaiting;
    by_units = by_units < team ? by_units : team;
    by_units = by_units < panels ? by_units : panels;
    const Index by_rows = rows / kTile < team ? rows / kTile : team;
    if (by_units > by_rows && by_units > 1) return {false, static_cast<int>(by_units)};
    return {true, static_cast<int>(by_rows > 1 ? by_rows : 1)};
}

// The rows of part `part` of `parts`, such that all have about as many steps.
inline Range rows_of(const Timeline& timeline, Index part, Index parts) noexcept {
    if (timeline.total == timeline.time * timeline.rows) return part_of(timeline.rows, part, parts);
    // How many of the first rows have at least this share of all steps.
    const auto cut = [&](Index share) {
        Index low = 0;
        Index high = timeline.rows;
        while (low < high) {
            const Index middle = (low + high) / 2;
            Index steps = 0;
            for (Index t = 0; t < timeline.time; ++t) {
                steps += timeline.active[t] < middle ? timeline.active[t] : middle;
            }
            if (steps * parts < timeline.total * share) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    };
    return {part == 0 ? 0 : cut(part), part + 1 == parts ? timeline.rows : cut(part + 1)};
}

}  // namespace recurra::core::RECURRA_ISA
