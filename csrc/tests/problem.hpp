#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/naive.hpp"

// Cases for the recurrent kernels: what is asked, buffers that tell when somebody wrote beside them, and one way to
// run.
namespace recurra::test {

using core::Cell;

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::array kCells = {Cell::kRnnTanh,      Cell::kRnnRelu,       Cell::kLstm,
                                      Cell::kPeepholeLstm, Cell::kGruResetAfter, Cell::kGruResetBefore};
inline constexpr std::array kCellNames = {"rnn_tanh",      "rnn_relu",        "lstm",
                                          "peephole_lstm", "gru_reset_after", "gru_reset_before"};

#ifdef __SANITIZE_ADDRESS__
inline constexpr std::size_t kGuard = 0;  // the sanitizer guards better, if what it guards isn't surrounded by ours
#else
inline constexpr std::size_t kGuard = 32;
#endif

// SplitMix64: the same numbers everywhere.
struct Random {
    std::uint64_t state = 0;
};

inline std::uint64_t next(Random& random) {
    std::uint64_t z = random.state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return z ^ (z >> 31U);
}

inline bool chance(Random& random, unsigned of) {
    return next(random) % of == 0;
}

inline float uniform(Random& random, float size) {
    const auto unit = static_cast<float>(next(random) >> 40U) / static_cast<float>(1U << 23U) - 1;
    return unit * size;
}

template <class Choices>
auto pick(Random& random, const Choices& choices) {
    return choices[next(random) % choices.size()];
}

// Numbers with a guard before and after them; full of NaN at first. `shift` floats off the alignment of the heap.
class Buffer {
  public:
    Buffer() = default;
    Buffer(std::int64_t size, std::size_t shift) : first_(kGuard + shift), size_(size), all_(first_ + size + kGuard) {
        std::ranges::fill(all_, kNaN);
    }
    [[nodiscard]] float* data() noexcept { return all_.data() + first_; }
    [[nodiscard]] const float* data() const noexcept { return all_.data() + first_; }
    [[nodiscard]] std::span<const float> values() const noexcept { return {data(), size_}; }
    [[nodiscard]] std::span<float> values() noexcept { return {data(), size_}; }
    [[nodiscard]] bool guards_hold() const noexcept {
        const auto untouched = [](float x) {
            return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(kNaN);
        };
        return std::ranges::all_of(std::span(all_).first(first_), untouched) &&
               std::ranges::all_of(std::span(all_).subspan(first_ + size_), untouched);
    }

  private:
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::vector<float> all_;
};

// A sequence of rows of `width` numbers with room between them.
struct Grid {
    Buffer buffer;
    std::int64_t width = 0;
    std::int64_t time_stride = 0;
    std::int64_t row_stride = 0;
};

inline core::Sequence<const float> read(const Grid& grid) {
    return {.data = grid.buffer.data(), .time_stride = grid.time_stride, .row_stride = grid.row_stride};
}

inline core::Sequence<float> written(Grid& grid) {
    return {.data = grid.buffer.data(), .time_stride = grid.time_stride, .row_stride = grid.row_stride};
}

enum class Rows : std::uint8_t { kFull, kLengths, kPacked };

// Null pointers that a case may pass, as bits.
inline constexpr unsigned kNoBiasIh = 1U << 0U;
inline constexpr unsigned kNoBiasHh = 1U << 1U;
inline constexpr unsigned kNoH0 = 1U << 2U;
inline constexpr unsigned kNoC0 = 1U << 3U;
inline constexpr unsigned kNoGradOut = 1U << 4U;
inline constexpr unsigned kNoGradHn = 1U << 5U;
inline constexpr unsigned kNoGradCn = 1U << 6U;
inline constexpr unsigned kNoGradX = 1U << 7U;
inline constexpr unsigned kNoGradH0 = 1U << 8U;
inline constexpr unsigned kNoGradC0 = 1U << 9U;
inline constexpr unsigned kNoGradWIh = 1U << 10U;
inline constexpr unsigned kNoGradWHh = 1U << 11U;
inline constexpr unsigned kNoGradBIh = 1U << 12U;
inline constexpr unsigned kNoGradBHh = 1U << 13U;
inline constexpr unsigned kNoGradPeephole = 1U << 14U;
inline constexpr unsigned kNulls = 15;

struct Case {
    Cell cell = Cell::kLstm;
    std::int64_t time = 5;
    std::int64_t rows = 3;
    std::int64_t features = 4;
    std::int64_t hidden = 7;
    Rows kind = Rows::kFull;
    bool resets = false;
    bool reverse = false;
    bool batch_first = false;
    std::int64_t gap = 0;   // floats between one row of data and the next
    std::size_t shift = 0;  // floats off the alignment
    unsigned nulls = 0;
    std::uint64_t seed = 1;
    float scale = 1;  // of inputs, states and what is asked of outputs
    bool bfloat16 = false;
};

inline std::string describe(const Case& c) {
    constexpr std::array kKinds = {"", " lengths", " packed"};
    const auto number = [](const char* name, auto value) { return std::string(" ") + name + std::to_string(value); };
    std::string text = kCellNames[static_cast<std::size_t>(c.cell)];
    text += number("T", c.time) + number("B", c.rows) + number("F", c.features) + number("H", c.hidden);
    text += kKinds[static_cast<std::size_t>(c.kind)];
    if (c.resets) text += " resets";
    if (c.reverse) text += " reverse";
    if (c.batch_first) text += " batch-first";
    if (c.gap > 0) text += number("gap", c.gap);
    if (c.shift > 0) text += number("shift", c.shift);
    if (c.nulls > 0) text += number("nulls", c.nulls);
    if (c.bfloat16) text += " bfloat16";
    return text + number("seed", c.seed);
}

// Everything that the kernels read.
struct Problem {
    Case of;
    std::vector<std::int64_t> lengths, batch_sizes;
    std::vector<std::uint8_t> resets;
    Buffer w_ih, w_hh, b_ih, b_hh, peephole, h0, c0, grad_h_n, grad_c_n;
    Grid x, grad_out;
};

inline core::Layer layer_of(const Problem& p) {
    return {.cell = p.of.cell, .features = p.of.features, .hidden = p.of.hidden, .bfloat16 = p.of.bfloat16};
}

inline core::Steps steps_of(const Problem& p) {
    return {.time = p.of.time,
            .rows = p.of.rows,
            .lengths = p.lengths,
            .batch_sizes = p.batch_sizes,
            .resets = p.resets,
            .reverse = p.of.reverse};
}

inline const float* unless(const Problem& p, unsigned null, const Buffer& buffer) {
    return (p.of.nulls & null) != 0 ? nullptr : buffer.data();
}

inline core::Weights weights_of(const Problem& p) {
    return {.w_ih = p.w_ih.data(),
            .w_hh = p.w_hh.data(),
            .b_ih = unless(p, kNoBiasIh, p.b_ih),
            .b_hh = unless(p, kNoBiasHh, p.b_hh),
            .peephole = p.of.cell == Cell::kPeepholeLstm ? p.peephole.data() : nullptr};
}

inline const float* c0_of(const Problem& p) {
    return core::has_memory(p.of.cell) ? unless(p, kNoC0, p.c0) : nullptr;
}

// Calls visit(t, row, offset) for each step within a row's length.
template <class Visit>
void each_step(const core::Steps& steps, const Grid& grid, Visit visit) {
    for (std::int64_t row = 0; row < steps.rows; ++row) {
        for (std::int64_t t = 0; t < naive::length_of(steps, row); ++t) {
            visit(t, row, naive::offset_of(steps, grid.time_stride, grid.row_stride, t, row));
        }
    }
}

inline Grid make_grid(const Case& c, std::int64_t places, std::int64_t width) {
    const std::int64_t step = width + c.gap;
    Grid grid{.buffer = {}, .width = width, .time_stride = c.rows * step + c.gap, .row_stride = step};
    std::int64_t size = c.time * grid.time_stride;
    if (c.kind == Rows::kPacked) {
        size = places * step;
        grid.time_stride = -1;  // means nothing
    } else if (c.batch_first) {
        grid.row_stride = c.time * step + c.gap;
        grid.time_stride = step;
        size = c.rows * grid.row_stride;
    }
    // The last row of data needs no gap after it.
    grid.buffer = Buffer(std::max<std::int64_t>(size - c.gap - (c.kind == Rows::kPacked ? 0 : c.gap), 0), c.shift);
    return grid;
}

inline Buffer random_buffer(Random& random, const Case& c, std::int64_t size, float scale) {
    Buffer buffer(size, c.shift);
    for (float& value : buffer.values()) value = uniform(random, scale);
    return buffer;
}

// The data is the same for whatever layout, nulls and shift a case has. What lies beyond lengths and in gaps is NaN.
inline Problem make_problem(const Case& c) {
    Random random{c.seed};
    Problem p;
    p.of = c;
    const std::int64_t gates = core::gates_of(c.cell) * c.hidden;
    const float size = 1 / std::sqrt(static_cast<float>(c.hidden));  // as torch initialises
    p.w_ih =
        random_buffer(random, c, gates * c.features, std::min(size, 1 / std::sqrt(static_cast<float>(c.features))));
    p.w_hh = random_buffer(random, c, gates * c.hidden, size);
    p.b_ih = random_buffer(random, c, gates, c.scale / 2);
    p.b_hh = random_buffer(random, c, gates, c.scale / 2);
    p.peephole = random_buffer(random, c, 3 * c.hidden, 1);
    p.h0 = random_buffer(random, c, c.rows * c.hidden, c.scale);
    p.c0 = random_buffer(random, c, c.rows * c.hidden, 2 * c.scale);
    p.grad_h_n = random_buffer(random, c, c.rows * c.hidden, c.scale);
    p.grad_c_n = random_buffer(random, c, c.rows * c.hidden, c.scale);
    if (c.kind != Rows::kFull) {
        for (std::int64_t row = 0; row < c.rows; ++row) {
            p.lengths.push_back(static_cast<std::int64_t>(next(random) % static_cast<std::uint64_t>(c.time + 1)));
        }
        p.lengths[c.rows / 2] = c.time;
    }
    if (c.kind == Rows::kPacked) {
        for (std::int64_t t = 0; t < c.time; ++t) {  // the first step has all rows: in torch, none is empty
            p.batch_sizes.push_back(
                t == 0 ? c.rows : std::ranges::count_if(p.lengths, [t](std::int64_t length) { return length > t; }));
        }
        p.lengths.clear();
    }
    const core::Steps steps = steps_of(p);
    const std::int64_t places = naive::places_of(steps);
    p.x = make_grid(c, places, c.features);
    p.grad_out = make_grid(c, places, c.hidden);
    if (c.resets) p.resets.resize(places);
    for (auto& reset : p.resets) reset = chance(random, 4) ? 7 : 0;
    each_step(steps, p.x, [&](std::int64_t, std::int64_t, std::int64_t at) {
        for (std::int64_t i = 0; i < c.features; ++i) p.x.buffer.data()[at + i] = uniform(random, 2 * c.scale);
    });
    each_step(steps, p.grad_out, [&](std::int64_t, std::int64_t, std::int64_t at) {
        for (std::int64_t i = 0; i < c.hidden; ++i) p.grad_out.buffer.data()[at + i] = uniform(random, c.scale);
    });
    return p;
}

}  // namespace recurra::test
