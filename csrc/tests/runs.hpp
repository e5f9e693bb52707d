#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/naive.hpp"
#include "tests/problem.hpp"

// One run of the kernels over a problem, and how runs are compared with the witness and with each other.
namespace recurra::test {

struct Options {
    int threads = 1;
    bool recompute = false;
    bool trains = true;  // keeps a tape and runs backwards
};

// Everything that the kernels wrote. What wasn't wanted stays NaN.
struct Results {
    Grid out, grad_x;
    Buffer h_n, c_n, tape, grad_h0, grad_c0, grad_w_ih, grad_w_hh, grad_b_ih, grad_b_hh, grad_peephole;
};

struct Named {
    std::string_view name;
    const Buffer& buffer;
};

// Of each row alone.
inline std::array<Named, 6> by_row(const Results& r) {
    return {{{.name = "out", .buffer = r.out.buffer},
             {.name = "h_n", .buffer = r.h_n},
             {.name = "c_n", .buffer = r.c_n},
             {.name = "grad_x", .buffer = r.grad_x.buffer},
             {.name = "grad_h0", .buffer = r.grad_h0},
             {.name = "grad_c0", .buffer = r.grad_c0}}};
}

// Of all rows together.
inline std::array<Named, 5> over_rows(const Results& r) {
    return {{{.name = "grad_w_ih", .buffer = r.grad_w_ih},
             {.name = "grad_w_hh", .buffer = r.grad_w_hh},
             {.name = "grad_b_ih", .buffer = r.grad_b_ih},
             {.name = "grad_b_hh", .buffer = r.grad_b_hh},
             {.name = "grad_peephole", .buffer = r.grad_peephole}}};
}

inline core::Forward forward_call(const Problem& p, Results& r, const Options& options) {
    const bool memory = core::has_memory(p.of.cell);
    return {.layer = layer_of(p),
            .steps = steps_of(p),
            .weights = weights_of(p),
            .x = read(p.x),
            .h0 = unless(p, kNoH0, p.h0),
            .c0 = c0_of(p),
            .out = written(r.out),
            .h_n = r.h_n.data(),
            .c_n = memory ? r.c_n.data() : nullptr,
            .tape = options.trains ? r.tape.data() : nullptr,
            .recompute = options.recompute,
            .threads = options.threads};
}

inline core::Backward backward_call(const Problem& p, Results& r, const Options& options) {
    const bool memory = core::has_memory(p.of.cell);
    const auto wanted = [&](unsigned null, Buffer& buffer) {
        return (p.of.nulls & null) != 0 ? nullptr : buffer.data();
    };
    core::Backward call{
        .layer = layer_of(p),
        .steps = steps_of(p),
        .weights = weights_of(p),
        .x = read(p.x),
        .h0 = unless(p, kNoH0, p.h0),
        .c0 = c0_of(p),
        .out = read(r.out),
        .tape = r.tape.data(),
        .recompute = options.recompute,
        .grad_out = read(p.grad_out),
        .grad_h_n = unless(p, kNoGradHn, p.grad_h_n),
        .grad_c_n = memory ? unless(p, kNoGradCn, p.grad_c_n) : nullptr,
        .grad_x = written(r.grad_x),
        .grad_h0 = wanted(kNoGradH0, r.grad_h0),
        .grad_c0 = memory ? wanted(kNoGradC0, r.grad_c0) : nullptr,
        .grad_w_ih = wanted(kNoGradWIh, r.grad_w_ih),
        .grad_w_hh = wanted(kNoGradWHh, r.grad_w_hh),
        .grad_b_ih = wanted(kNoGradBIh, r.grad_b_ih),
        .grad_b_hh = wanted(kNoGradBHh, r.grad_b_hh),
        .grad_peephole = p.of.cell == Cell::kPeepholeLstm ? wanted(kNoGradPeephole, r.grad_peephole) : nullptr,
        .threads = options.threads};
    if ((p.of.nulls & kNoGradOut) != 0) call.grad_out.data = nullptr;
    if ((p.of.nulls & kNoGradX) != 0) call.grad_x.data = nullptr;
    return call;
}

inline Results make_results(const Problem& p, const Options& options) {
    const Case& c = p.of;
    const std::int64_t places = naive::places_of(steps_of(p));
    const std::int64_t gates = core::gates_of(c.cell) * c.hidden;
    const auto buffer = [&c](std::int64_t size) { return Buffer(size, c.shift); };
    const std::size_t tape = options.trains ? core::tape_size(layer_of(p), steps_of(p), options.recompute) : 0;
    return {.out = make_grid(c, places, c.hidden),
            .grad_x = make_grid(c, places, c.features),
            .h_n = buffer(c.rows * c.hidden),
            .c_n = buffer(c.rows * c.hidden),
            .tape = buffer(static_cast<std::int64_t>(tape)),
            .grad_h0 = buffer(c.rows * c.hidden),
            .grad_c0 = buffer(c.rows * c.hidden),
            .grad_w_ih = buffer(gates * c.features),
            .grad_w_hh = buffer(gates * c.hidden),
            .grad_b_ih = buffer(gates),
            .grad_b_hh = buffer(gates),
            .grad_peephole = buffer(3 * c.hidden)};
}

inline Results run(const Problem& p, const Options& options) {
    Results r = make_results(p, options);
    core::forward(forward_call(p, r, options));
    if (options.trains) core::backward(backward_call(p, r, options));
    for (const Buffer* buffer : {&r.out.buffer, &r.grad_x.buffer, &r.h_n, &r.c_n, &r.tape, &r.grad_h0, &r.grad_c0,
                                 &r.grad_w_ih, &r.grad_w_hh, &r.grad_b_ih, &r.grad_b_hh, &r.grad_peephole}) {
        EXPECT(buffer->guards_hold());
    }
    return r;
}

inline void expect_same_bits(std::string_view name, std::span<const float> one, std::span<const float> other) {
    const bool same =
        one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size_bytes()) == 0);
    if (same) return expect(true, name, "", 0);
    std::size_t at = 0;
    const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
    while (at < std::min(one.size(), other.size()) && bits(one[at]) == bits(other[at])) ++at;
    std::array<char, 160> text{};
    const bool within = at < std::min(one.size(), other.size());
    (void)std::snprintf(text.data(), text.size(), "equal bits in %.*s: element %zu of %zu is %.9g and %.9g",
                        static_cast<int>(name.size()), name.data(), at, one.size(), within ? one[at] : kNaN,
                        within ? other[at] : kNaN);
    expect(false, text.data(), "runs.hpp", __LINE__);
}

inline void expect_same_results(const Results& one, const Results& other) {
    const auto compare = [](const auto& a, const auto& b) {
        for (std::size_t i = 0; i < a.size(); ++i) {
            expect_same_bits(a[i].name, a[i].buffer.values(), b[i].buffer.values());
        }
    };
    compare(by_row(one), by_row(other));
    compare(over_rows(one), over_rows(other));
}

// The error that float32 may make, in units of 2^-24 times the largest number of what is compared. Twice the worst
// that these cases show, of any instruction set: see `worst_error`.
inline constexpr double kTolerance = 128;
inline double worst_error = 0;
// With products of bfloat16 the norm of the error counts, over the norm of what is wanted: a factor is off by 2^-9 of
// itself at most, and a long sum by less, unless it cancels.
inline constexpr double kShareTolerance = 0.01;
inline double worst_share = 0;

template <class Where>
void expect_near_in_norm(std::string_view name, std::span<const float> values, const naive::Vector& wanted, Where at) {
    double error = 0;
    double norm = 0;
    for (std::int64_t i = 0; std::cmp_less(i, wanted.size()); ++i) {
        const double off = values[at(i)] - wanted[i];
        error += off * off;
        norm += wanted[i] * wanted[i];
    }
    const double share = error == 0 ? 0 : std::sqrt(error / norm);
    if (share > worst_share) worst_share = share;
    if (share <= kShareTolerance) return expect(true, name, "", 0);
    std::array<char, 160> text{};
    (void)std::snprintf(text.data(), text.size(), "%.*s near the witness: off by %.3g of a norm of %.3g",
                        static_cast<int>(name.size()), name.data(), share, std::sqrt(norm));
    expect(false, text.data(), "runs.hpp", __LINE__);
}

// `at` says where in `values` the wanted numbers lie.
template <class Where>
void expect_near(std::string_view name, std::span<const float> values, const naive::Vector& wanted, const Problem& p,
                 Where at) {
    if (p.of.bfloat16 && core::has_bfloat16()) return expect_near_in_norm(name, values, wanted, at);
    constexpr double kUnit = 0x1p-24;
    constexpr double kSmallest = 0x1p-126;  // denormals may be taken for 0
    double scale = 0;
    for (const double value : wanted) {
        if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
    }
    double error = 0;
    std::int64_t worst = 0;
    for (std::int64_t i = 0; std::cmp_less(i, wanted.size()); ++i) {
        const double value = values[at(i)];
        const bool same = value == wanted[i] || (std::isnan(value) && std::isnan(wanted[i]));
        double off = std::max(std::abs(value - wanted[i]) - kSmallest, 0.0) / (kUnit * std::max(scale, kSmallest));
        if (same) off = 0;
        if (off <= error) continue;  // false if off is NaN
        error = std::isnan(off) ? std::numeric_limits<double>::infinity() : off;
        worst = i;
    }
    worst_error = std::max(worst_error, error);
    if (error <= kTolerance) return expect(true, name, "", 0);
    std::array<char, 200> text{};
    (void)std::snprintf(text.data(), text.size(),
                        "%.*s near the witness: element %lld of %zu is %.9g, not %.9g; %.3g units",
                        static_cast<int>(name.size()), name.data(), static_cast<long long>(worst), wanted.size(),
                        static_cast<double>(values[at(worst)]), wanted[worst], error);
    expect(false, text.data(), "runs.hpp", __LINE__);
}

inline void expect_near(std::string_view name, const Buffer& buffer, const naive::Vector& wanted, const Problem& p) {
    expect_near(name, buffer.values(), wanted, p, [](std::int64_t i) { return i; });
}

// Beyond lengths 0 is wanted, and the gaps must be as they were.
inline void expect_near(std::string_view name, const Grid& grid, const naive::Vector& wanted, const Problem& p) {
    const core::Steps steps = steps_of(p);
    std::vector<std::int64_t> offsets(wanted.size() / static_cast<std::size_t>(grid.width));
    std::vector<bool> gap(grid.buffer.values().size(), true);
    for (std::int64_t row = 0; row < steps.rows; ++row) {
        const std::int64_t length = p.of.kind == Rows::kPacked ? naive::length_of(steps, row) : steps.time;
        for (std::int64_t t = 0; t < length; ++t) {
            const std::int64_t at = naive::offset_of(steps, grid.time_stride, grid.row_stride, t, row);
            offsets[naive::place_of(steps, t, row)] = at;
            std::fill_n(gap.begin() + at, grid.width, false);
            for (std::int64_t i = 0; t >= naive::length_of(steps, row) && i < grid.width; ++i) {
                EXPECT(grid.buffer.values()[at + i] == 0);
            }
        }
    }
    for (std::size_t i = 0; i < gap.size(); ++i) EXPECT(!gap[i] || std::isnan(grid.buffer.values()[i]));
    expect_near(name, grid.buffer.values(), wanted, p,
                [&offsets, &grid](std::int64_t i) { return offsets[i / grid.width] + i % grid.width; });
}

// Calls visit() under each instruction set that this machine has.
template <class Visit>
void each_instruction_set(Visit visit) {
    const std::string before = current_case;
    const std::string best = core::instruction_set();
    for (const char* name : core::instruction_sets()) {
        EXPECT(core::use_instruction_set(name));
        current_case = before + (before.empty() ? "" : ", ") + name;
        visit();
    }
    EXPECT(core::use_instruction_set(best.c_str()));
    current_case = before;
}

struct Witness {
    naive::Outputs outputs;
    naive::Gradients gradients;
};

inline Witness witness(const Problem& p) {
    Results unused;
    return {.outputs = naive::forward(forward_call(p, unused, {.trains = false})),
            .gradients = naive::backward(backward_call(p, unused, {}))};
}

inline void expect_right(const Problem& p, const Results& r, const Witness& w, bool trains) {
    const bool memory = core::has_memory(p.of.cell);
    const auto wanted = [&](unsigned null) { return trains && (p.of.nulls & null) == 0; };
    const auto near_if = [&p](bool asked, std::string_view name, const Buffer& buffer, const naive::Vector& vector) {
        if (asked) return expect_near(name, buffer, vector, p);
        for (const float value : buffer.values()) EXPECT(std::isnan(value));  // nobody wrote where nothing was wanted
    };
    expect_near("out", r.out, w.outputs.out, p);
    near_if(true, "h_n", r.h_n, w.outputs.h_n);
    near_if(memory, "c_n", r.c_n, w.outputs.c_n);
    if (wanted(kNoGradX)) expect_near("grad_x", r.grad_x, w.gradients.x, p);
    near_if(wanted(kNoGradH0), "grad_h0", r.grad_h0, w.gradients.h0);
    near_if(wanted(kNoGradC0) && memory, "grad_c0", r.grad_c0, w.gradients.c0);
    near_if(wanted(kNoGradWIh), "grad_w_ih", r.grad_w_ih, w.gradients.w_ih);
    near_if(wanted(kNoGradWHh), "grad_w_hh", r.grad_w_hh, w.gradients.w_hh);
    near_if(wanted(kNoGradBIh), "grad_b_ih", r.grad_b_ih, w.gradients.b_ih);
    near_if(wanted(kNoGradBHh), "grad_b_hh", r.grad_b_hh, w.gradients.b_hh);
    near_if(wanted(kNoGradPeephole) && p.of.cell == Cell::kPeepholeLstm, "grad_peephole", r.grad_peephole,
            w.gradients.peephole);
}

}  // namespace recurra::test
