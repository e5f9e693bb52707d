#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <ranges>
#include <vector>

#include "core/recurrent.hpp"

// The witness: each cell as its paper writes it, row by row and number by number in double precision, after the
// formulas in src/recurra/reference. Simple rather than fast, and ignorant of how the kernels work.
namespace recurra::naive {

using core::Cell;
using core::Layer;
using core::Sequence;
using core::Steps;

using Real = double;
using Vector = std::vector<Real>;

// Rows of data lie at places: t * B + b, or where torch's packed sequences have them.
inline std::int64_t place_of(const Steps& steps, std::int64_t t, std::int64_t row) {
    if (steps.batch_sizes.empty()) return t * steps.rows + row;
    const auto first = steps.batch_sizes.begin();
    return std::accumulate(first, first + t, row);
}

inline std::int64_t places_of(const Steps& steps) {
    return place_of(steps, static_cast<std::int64_t>(steps.batch_sizes.empty() ? steps.time : steps.batch_sizes.size()),
                    0);
}

inline std::int64_t length_of(const Steps& steps, std::int64_t row) {
    if (!steps.lengths.empty()) return steps.lengths[row];
    if (steps.batch_sizes.empty()) return steps.time;
    return std::ranges::count_if(steps.batch_sizes, [row](std::int64_t size) { return size > row; });
}

// Where step t of a row lies in a sequence.
inline std::int64_t offset_of(const Steps& steps, std::int64_t time_stride, std::int64_t row_stride, std::int64_t t,
                              std::int64_t row) {
    if (steps.batch_sizes.empty()) return t * time_stride + row * row_stride;
    return place_of(steps, t, row) * row_stride;
}

inline Vector vector_at(Sequence<const float> sequence, const Steps& steps, std::int64_t t, std::int64_t row,
                        std::int64_t size) {
    Vector vector(size, 0);  // where there is no data
    if (sequence.data == nullptr) return vector;
    std::copy_n(sequence.data + offset_of(steps, sequence.time_stride, sequence.row_stride, t, row), size,
                vector.begin());
    return vector;
}

inline Vector row_of(const float* matrix, std::int64_t row, std::int64_t size) {
    Vector vector(size, 0);
    if (matrix != nullptr) std::copy_n(matrix + row * size, size, vector.begin());
    return vector;
}

inline Real sigmoid(Real a) {
    return 1 / (1 + std::exp(-a));
}

// Everything one step has seen and made: what the papers give a letter.
struct Moment {
    std::int64_t t = 0;
    bool reset = false;
    Vector x, h, c;              // the input, and the state before
    std::array<Vector, 4> gate;  // i f g o, or r z n, or the one of a simple network
    Vector q;                    // GRU: U_n h + b_hn where it resets after the product; r h where it resets before
    Vector h_new, c_new;         // the state after
};

// W_k x + b_k, for the gate block k.
inline Vector affine(const float* w, const float* b, std::int64_t k, std::int64_t hidden, const Vector& x) {
    const auto width = static_cast<std::int64_t>(x.size());
    Vector sums(hidden, 0);
    for (std::int64_t j = 0; j < hidden; ++j) {
        const float* weights = w + (k * hidden + j) * width;
        for (std::int64_t i = 0; i < width; ++i) sums[j] += Real{weights[i]} * x[i];
        if (b != nullptr) sums[j] += Real{b[k * hidden + j]};
    }
    return sums;
}

// Fills gate, q, h_new and c_new.
inline void step(const Layer& layer, const core::Weights& w, Moment& m, Real& kink) {
    const std::int64_t size = layer.hidden;
    const auto input = [&](std::int64_t k) { return affine(w.w_ih, w.b_ih, k, size, m.x); };
    const auto hidden = [&](std::int64_t k, const Vector& h) { return affine(w.w_hh, w.b_hh, k, size, h); };
    std::array<Vector, 4> a;
    for (std::int64_t k = 0; k < core::gates_of(layer.cell); ++k) {
        a[k] = input(k);
        const bool is_candidate_of_gru = core::gates_of(layer.cell) == 3 && k == 2;
        if (is_candidate_of_gru) continue;
        const Vector from_hidden = hidden(k, m.h);
        for (std::int64_t j = 0; j < size; ++j) a[k][j] += from_hidden[j];
    }
    m.gate = a;
    m.h_new = m.c_new = m.q = Vector(size, 0);
    switch (layer.cell) {
        case Cell::kRnnTanh:
        case Cell::kRnnRelu:
            for (std::int64_t j = 0; j < size; ++j) {
                const Real value = a[0][j];
                if (layer.cell == Cell::kRnnRelu) kink = std::min(kink, std::abs(value));
                const Real relu = value < 0 ? 0 : value;
                m.h_new[j] = m.gate[0][j] = layer.cell == Cell::kRnnTanh ? std::tanh(value) : relu;
            }
            break;
        case Cell::kLstm:
        case Cell::kPeepholeLstm: {
            const bool peeps = layer.cell == Cell::kPeepholeLstm;
            const Vector p_i = row_of(peeps ? w.peephole : nullptr, 0, size);
            const Vector p_f = row_of(peeps ? w.peephole : nullptr, 1, size);
            const Vector p_o = row_of(peeps ? w.peephole : nullptr, 2, size);
            auto& [i, f, g, o] = m.gate;
            for (std::int64_t j = 0; j < size; ++j) {
                i[j] = sigmoid(a[0][j] + (peeps ? p_i[j] * m.c[j] : 0));
                f[j] = sigmoid(a[1][j] + (peeps ? p_f[j] * m.c[j] : 0));
                g[j] = std::tanh(a[2][j]);
                m.c_new[j] = f[j] * m.c[j] + i[j] * g[j];
                o[j] = sigmoid(a[3][j] + (peeps ? p_o[j] * m.c_new[j] : 0));
                m.h_new[j] = o[j] * std::tanh(m.c_new[j]);
            }
            break;
        }
        case Cell::kGruResetAfter:
        case Cell::kGruResetBefore: {
            const bool after = layer.cell == Cell::kGruResetAfter;
            auto& [r, z, n, unused] = m.gate;
            for (std::int64_t j = 0; j < size; ++j) {
                r[j] = sigmoid(a[0][j]);
                z[j] = sigmoid(a[1][j]);
                m.q[j] = r[j] * m.h[j];
            }
            const Vector u = hidden(2, after ? m.h : m.q);
            if (after) m.q = u;
            for (std::int64_t j = 0; j < size; ++j) {
                n[j] = std::tanh(a[2][j] + (after ? r[j] * u[j] : u[j]));
                m.h_new[j] = (1 - z[j]) * n[j] + z[j] * m.h[j];
            }
            break;
        }
    }
}

// A row from its first step to its last, or the other way round if reversed.
inline std::vector<Moment> unroll(const core::Forward& call, std::int64_t row, Real& kink) {
    const std::int64_t length = length_of(call.steps, row);
    std::vector<Moment> moments(length);
    Vector h = row_of(call.h0, row, call.layer.hidden);
    Vector c = row_of(call.c0, row, call.layer.hidden);
    for (std::int64_t s = 0; s < length; ++s) {
        Moment& m = moments[s];
        m.t = call.steps.reverse ? length - 1 - s : s;
        m.reset = !call.steps.resets.empty() && call.steps.resets[place_of(call.steps, m.t, row)] != 0;
        m.x = vector_at(call.x, call.steps, m.t, row, call.layer.features);
        m.h = m.reset ? Vector(h.size(), 0) : h;
        m.c = m.reset ? Vector(c.size(), 0) : c;
        step(call.layer, call.weights, m, kink);
        h = m.h_new;
        c = m.c_new;
    }
    return moments;
}

struct Outputs {
    Vector out;                                         // (places, H), 0 beyond lengths
    Vector h_n, c_n;                                    // (B, H)
    Real kink = std::numeric_limits<Real>::infinity();  // how near to 0 a relu came, where its slope jumps
};

inline Outputs forward(const core::Forward& call) {
    const std::int64_t hidden = call.layer.hidden;
    Outputs result{.out = Vector(places_of(call.steps) * hidden, 0), .h_n = {}, .c_n = {}};
    for (std::int64_t row = 0; row < call.steps.rows; ++row) {
        const std::vector<Moment> moments = unroll(call, row, result.kink);
        for (const Moment& m : moments) {
            std::ranges::copy(m.h_new, result.out.begin() + place_of(call.steps, m.t, row) * hidden);
        }
        const Vector h_n = moments.empty() ? row_of(call.h0, row, hidden) : moments.back().h_new;
        const Vector c_n = moments.empty() ? row_of(call.c0, row, hidden) : moments.back().c_new;
        result.h_n.insert(result.h_n.end(), h_n.begin(), h_n.end());
        result.c_n.insert(result.c_n.end(), c_n.begin(), c_n.end());
    }
    return result;
}

struct Gradients {
    Vector x;       // (places, F), 0 beyond lengths
    Vector h0, c0;  // (B, H)
    Vector w_ih, w_hh, b_ih, b_hh, peephole;
};

// dL/d(what is inside the nonlinearities), on the side of the input and on that of the state, and what goes on to the
// state before. `delta_h` and `delta_c` are all that the loss asks of the state after.
struct Delta {
    std::array<Vector, 4> input, hidden;
    Vector h, c;
};

// Uᵀ_k delta, added to a vector.
inline void add_transposed(const float* w, std::int64_t k, const Vector& delta, Vector& sums) {
    const auto hidden = static_cast<std::int64_t>(delta.size());
    const auto width = static_cast<std::int64_t>(sums.size());
    for (std::int64_t j = 0; j < hidden; ++j) {
        for (std::int64_t i = 0; i < width; ++i) sums[i] += Real{w[(k * hidden + j) * width + i]} * delta[j];
    }
}

inline Delta step_back(const Layer& layer, const core::Weights& w, const Moment& m, const Vector& delta_h,
                       Vector delta_c, Gradients& sums) {
    const std::int64_t size = layer.hidden;
    Delta d;
    d.h = d.c = Vector(size, 0);
    for (auto& block : d.input) block = Vector(size, 0);
    d.hidden = d.input;
    switch (layer.cell) {
        case Cell::kRnnTanh:
        case Cell::kRnnRelu:
            for (std::int64_t j = 0; j < size; ++j) {
                const Real h = m.h_new[j];
                const Real relu_slope = h > 0 ? 1 : 0;
                d.input[0][j] = delta_h[j] * (layer.cell == Cell::kRnnTanh ? 1 - h * h : relu_slope);
            }
            d.hidden = d.input;
            break;
        case Cell::kLstm:
        case Cell::kPeepholeLstm: {
            const bool peeps = layer.cell == Cell::kPeepholeLstm;
            const Vector p = peeps ? Vector(w.peephole, w.peephole + 3 * size) : Vector(3 * size, 0);
            const auto& [i, f, g, o] = m.gate;
            auto& [d_i, d_f, d_g, d_o] = d.input;
            for (std::int64_t j = 0; j < size; ++j) {
                const Real shown = std::tanh(m.c_new[j]);
                d_o[j] = delta_h[j] * shown * o[j] * (1 - o[j]);
                delta_c[j] += delta_h[j] * o[j] * (1 - shown * shown) + d_o[j] * p[2 * size + j];
                d_i[j] = delta_c[j] * g[j] * i[j] * (1 - i[j]);
                d_f[j] = delta_c[j] * m.c[j] * f[j] * (1 - f[j]);
                d_g[j] = delta_c[j] * i[j] * (1 - g[j] * g[j]);
                d.c[j] = delta_c[j] * f[j] + d_i[j] * p[j] + d_f[j] * p[size + j];
                if (!peeps) continue;
                sums.peephole[j] += d_i[j] * m.c[j];
                sums.peephole[size + j] += d_f[j] * m.c[j];
                sums.peephole[2 * size + j] += d_o[j] * m.c_new[j];
            }
            d.hidden = d.input;
            break;
        }
        case Cell::kGruResetAfter:
        case Cell::kGruResetBefore: {
            const bool after = layer.cell == Cell::kGruResetAfter;
            const auto& [r, z, n, unused] = m.gate;
            auto& [d_r, d_z, d_n, nothing] = d.input;
            for (std::int64_t j = 0; j < size; ++j) {
                d_n[j] = delta_h[j] * (1 - z[j]) * (1 - n[j] * n[j]);
                d_z[j] = delta_h[j] * (m.h[j] - n[j]) * z[j] * (1 - z[j]);
                d.h[j] = delta_h[j] * z[j];
            }
            Vector d_s(size, 0);
            if (!after) add_transposed(w.w_hh, 2, d_n, d_s);
            for (std::int64_t j = 0; j < size; ++j) {
                d_r[j] = (after ? d_n[j] * m.q[j] : d_s[j] * m.h[j]) * r[j] * (1 - r[j]);
                d.h[j] += d_s[j] * r[j];
            }
            d.hidden = d.input;
            for (std::int64_t j = 0; after && j < size; ++j) d.hidden[2][j] = d_n[j] * r[j];
            break;
        }
    }
    for (std::int64_t k = 0; k < core::gates_of(layer.cell); ++k) {
        const bool only_through_s = layer.cell == Cell::kGruResetBefore && k == 2;
        const Vector& multiplied = only_through_s ? m.q : m.h;
        if (!only_through_s) add_transposed(w.w_hh, k, d.hidden[k], d.h);
        for (std::int64_t j = 0; j < size; ++j) {
            const std::int64_t row = k * size + j;
            sums.b_ih[row] += d.input[k][j];
            sums.b_hh[row] += d.hidden[k][j];
            for (std::int64_t i = 0; i < layer.features; ++i) {
                sums.w_ih[row * layer.features + i] += d.input[k][j] * m.x[i];
            }
            for (std::int64_t i = 0; i < size; ++i) sums.w_hh[row * size + i] += d.hidden[k][j] * multiplied[i];
        }
    }
    return d;
}

// Runs forwards anew: neither the tape nor `out` is looked at.
inline Gradients backward(const core::Backward& call) {
    const Layer& layer = call.layer;
    const std::int64_t hidden = layer.hidden;
    const std::int64_t gates = core::gates_of(layer.cell) * hidden;
    Gradients sums{.x = Vector(places_of(call.steps) * layer.features, 0),
                   .h0 = {},
                   .c0 = {},
                   .w_ih = Vector(gates * layer.features, 0),
                   .w_hh = Vector(gates * hidden, 0),
                   .b_ih = Vector(gates, 0),
                   .b_hh = Vector(gates, 0),
                   .peephole = Vector(3 * hidden, 0)};
    const core::Forward forwards{.layer = layer,
                                 .steps = call.steps,
                                 .weights = call.weights,
                                 .x = call.x,
                                 .h0 = call.h0,
                                 .c0 = call.c0,
                                 .out = {}};
    Real kink = 0;
    for (std::int64_t row = 0; row < call.steps.rows; ++row) {
        const std::vector<Moment> moments = unroll(forwards, row, kink);
        Vector delta_h = row_of(call.grad_h_n, row, hidden);
        Vector delta_c = row_of(call.grad_c_n, row, hidden);
        for (const Moment& m : std::views::reverse(moments)) {
            const Vector asked = vector_at(call.grad_out, call.steps, m.t, row, hidden);
            for (std::int64_t j = 0; j < hidden; ++j) delta_h[j] += asked[j];
            const Delta d = step_back(layer, call.weights, m, delta_h, delta_c, sums);
            Vector grad_x(layer.features, 0);
            for (std::int64_t k = 0; k < core::gates_of(layer.cell); ++k) {
                add_transposed(call.weights.w_ih, k, d.input[k], grad_x);
            }
            std::ranges::copy(grad_x, sums.x.begin() + place_of(call.steps, m.t, row) * layer.features);
            delta_h = m.reset ? Vector(hidden, 0) : d.h;
            delta_c = m.reset ? Vector(hidden, 0) : d.c;
        }
        sums.h0.insert(sums.h0.end(), delta_h.begin(), delta_h.end());
        sums.c0.insert(sums.c0.end(), delta_c.begin(), delta_c.end());
    }
    return sums;
}

}  // namespace recurra::naive
