#pragma once

#include "core/panels.hpp"

// The pointwise part of each cell, forwards and backwards, for one block of units of one row. The equations, their
// derivation and the papers are in src/recurra/reference, one file a cell; letters here are those there.
//
// Each cell says
//   kGates         blocks in its weights, and vectors in a panel of gate columns
//   kApart         whether the input's and the state's share of a gate are added only here, or are one sum before
//   kMemory        whether it has a c
//   kTape          vectors that `backward` needs of a block; kTapeIsOutput: it is h, which the caller has
//   kDeltas        vectors of dL/d(inside of a gate) of a block: kGates from kInputDelta on belong to W_ih and b_ih,
//                  the first to gate kInputGate; kGates from kBiasDelta on to b_hh, the first to gate kBiasGate; and
//                  kStateGates from kStateDelta on to the product with the state, the first to gate 0
//   kTwice         whether the last gate, kGates - 1, waits for a second product, with what the others let in of the
//                  state: `let_in` and `second` are its part of a step, `backward_second` of the way back, and its
//                  delta is the first
namespace recurra::core::RECURRA_ISA {

// Where the numbers of one block of one row lie.
struct ForwardBlock {
    const float* sums;      // (kGates)  of the state's share, and of the input's if they are not apart
    const float* input;     // (kGates)  the input's share, if they are
    const float* peephole;  // i f o, each `hidden_stride` after the one before
    Index hidden_stride;
    const float* h_prev;
    const float* c_prev;
    float* h;
    float* c;
    float* tape;    // (kTape)  or null; of a cell with kTwice never null
    float* c_tape;  // or null
};

struct BackwardBlock {
    Vec product;        // dL/dh through the next step's gates
    const float* grad;  // what is asked of h here
    const float* tape;
    const float* h_prev;
    const float* c_prev;
    const float* c;
    const float* peephole;
    Index hidden_stride;
    float* carry;   // in: dL/d(c or h) straight from the next step; out: the same for the step before
    float* deltas;  // (kDeltas)  written
};

[[gnu::always_inline]] inline Vec vector_at(const float* p, Index i) noexcept {
    return load(p + i * kLanes);
}

// What a cell says if nothing is special about it.
template <int kCount>
struct PlainCell {
    static constexpr int kGates = kCount;
    static constexpr bool kApart = false;
    static constexpr bool kMemory = false;
    static constexpr bool kPeephole = false;
    static constexpr bool kCarry = true;
    static constexpr int kTape = kCount;
    static constexpr bool kTapeIsOutput = false;
    static constexpr int kDeltas = kCount;
    static constexpr int kInputDelta = 0;
    static constexpr int kInputGate = 0;
    static constexpr int kBiasDelta = 0;
    static constexpr int kBiasGate = 0;
    static constexpr int kStateDelta = 0;
    static constexpr int kStateGates = kCount;
    static constexpr bool kTwice = false;
};

enum class Squash : std::uint8_t { kTanh, kRelu };

template <Squash kSquash>
struct RnnCell : PlainCell<1> {
    static constexpr bool kCarry = false;
    static constexpr bool kTapeIsOutput = true;

    [[gnu::always_inline]] static void forward(const ForwardBlock& at) noexcept {
        const Vec a = load(at.sums);
        store(at.h, kSquash == Squash::kTanh ? tanh(a) : (a < 0.0F ? Vec{} : a));  // NaN stays
    }

    [[gnu::always_inline]] static void backward(const BackwardBlock& at) noexcept {
        const Vec h = load(at.tape);
        const Vec grad = at.product + load(at.grad);
        // Not grad * (h > 0): an infinite grad where nothing passes gives 0.
        store(at.deltas, kSquash == Squash::kTanh ? grad * (1.0F - h * h) : (h <= 0.0F ? Vec{} : grad));
    }
};

template <bool kHasPeephole>
struct LstmCell : PlainCell<4> {  // tape and deltas: i f g o
    static constexpr bool kMemory = true;
    static constexpr bool kPeephole = kHasPeephole;

    [[gnu::always_inline]] static void forward(const ForwardBlock& at) noexcept {
        const Vec c_prev = load(at.c_prev);
        Vec i = vector_at(at.sums, 0);
        Vec f = vector_at(at.sums, 1);
        Vec o = vector_at(at.sums, 3);
        if constexpr (kPeephole) {
            i += load(at.peephole) * c_prev;
            f += load(at.peephole + at.hidden_stride) * c_prev;
        }
        i = sigmoid(i);
        f = sigmoid(f);
        const Vec g = tanh(vector_at(at.sums, 2));
        const Vec c = f * c_prev + i * g;
        if constexpr (kPeephole) o += load(at.peephole + 2 * at.hidden_stride) * c;
        o = sigmoid(o);
        store(at.c, c);
        store(at.h, o * tanh(c));
        if (at.tape != nullptr) {
            store(at.tape, i);
            store(at.tape + kLanes, f);
            store(at.tape + 2 * kLanes, g);
            store(at.tape + 3 * kLanes, o);
        }
        if (at.c_tape != nullptr) store(at.c_tape, c);
    }

    [[gnu::always_inline]] static void backward(const BackwardBlock& at) noexcept {
        const Vec i = vector_at(at.tape, 0);
        const Vec f = vector_at(at.tape, 1);
        const Vec g = vector_at(at.tape, 2);
        const Vec o = vector_at(at.tape, 3);
        const Vec c_prev = load(at.c_prev);
        const Vec squashed = tanh(load(at.c));
        const Vec grad_h = at.product + load(at.grad);
        const Vec delta_o = grad_h * squashed * (o * (1.0F - o));
        const Vec unseen = load(at.carry) + grad_h * o * (1.0F - squashed * squashed);
        const Vec grad_c = kPeephole ? unseen + delta_o * load(at.peephole + 2 * at.hidden_stride) : unseen;
        const Vec delta_i = grad_c * g * (i * (1.0F - i));
        const Vec delta_f = grad_c * c_prev * (f * (1.0F - f));
        store(at.carry,
              kPeephole ? grad_c * f + (delta_i * load(at.peephole) + delta_f * load(at.peephole + at.hidden_stride))
                        : grad_c * f);
        store(at.deltas, delta_i);
        store(at.deltas + kLanes, delta_f);
        store(at.deltas + 2 * kLanes, grad_c * i * (1.0F - g * g));
        store(at.deltas + 3 * kLanes, delta_o);
    }
};

// Reset after the product, as torch and cuDNN.
struct GruCell : PlainCell<3> {
    static constexpr bool kApart = true;
    static constexpr int kTape = 4;    // r z n, and the state's share of n, which r multiplies
    static constexpr int kDeltas = 4;  // the input's share of n, r, z, the state's share of n
    static constexpr int kInputGate = 2;
    static constexpr int kBiasDelta = 1;
    static constexpr int kStateDelta = 1;

    [[gnu::always_inline]] static void forward(const ForwardBlock& at) noexcept {
        const Vec r = sigmoid(vector_at(at.input, 0) + vector_at(at.sums, 0));
        const Vec z = sigmoid(vector_at(at.input, 1) + vector_at(at.sums, 1));
        const Vec share = vector_at(at.sums, 2);
        const Vec n = tanh(vector_at(at.input, 2) + r * share);
        store(at.h, n + z * (load(at.h_prev) - n));
        if (at.tape != nullptr) {
            store(at.tape, r);
            store(at.tape + kLanes, z);
            store(at.tape + 2 * kLanes, n);
            store(at.tape + 3 * kLanes, share);
        }
    }

    [[gnu::always_inline]] static void backward(const BackwardBlock& at) noexcept {
        const Vec r = vector_at(at.tape, 0);
        const Vec z = vector_at(at.tape, 1);
        const Vec n = vector_at(at.tape, 2);
        const Vec grad = at.product + load(at.carry) + load(at.grad);
        const Vec delta_n = grad * (1.0F - z) * (1.0F - n * n);
        store(at.carry, grad * z);
        store(at.deltas, delta_n);
        store(at.deltas + kLanes, delta_n * vector_at(at.tape, 3) * (r * (1.0F - r)));
        store(at.deltas + 2 * kLanes, grad * (load(at.h_prev) - n) * (z * (1.0F - z)));
        store(at.deltas + 3 * kLanes, delta_n * r);
    }
};

// Reset before the product (Cho et al., 2014).
struct GruResetBeforeCell : PlainCell<3> {  // tape: r z n; deltas: n r z
    static constexpr int kInputGate = 2;
    static constexpr int kBiasGate = 2;
    static constexpr int kStateDelta = 1;
    static constexpr int kStateGates = 2;
    static constexpr bool kTwice = true;

    // Writes r and z to the tape, and gives what is let in.
    [[gnu::always_inline]] static Vec let_in(const float* sums, const float* h_prev, float* tape) noexcept {
        const Vec r = sigmoid(vector_at(sums, 0));
        store(tape, r);
        store(tape + kLanes, sigmoid(vector_at(sums, 1)));
        return r * load(h_prev);
    }

    [[gnu::always_inline]] static void second(Vec sum, const float* h_prev, float* tape, float* h) noexcept {
        const Vec z = vector_at(tape, 1);
        const Vec n = tanh(sum);
        store(tape + 2 * kLanes, n);
        store(h, n + z * (load(h_prev) - n));
    }

    [[gnu::always_inline]] static void backward(const BackwardBlock& at) noexcept {
        const Vec z = vector_at(at.tape, 1);
        const Vec n = vector_at(at.tape, 2);
        const Vec grad = at.product + load(at.carry) + load(at.grad);
        store(at.carry, grad * z);
        store(at.deltas, grad * (1.0F - z) * (1.0F - n * n));
        store(at.deltas + 2 * kLanes, grad * (load(at.h_prev) - n) * (z * (1.0F - z)));
    }

    // Given dL/d(what was let in): writes the delta of r, adds to the carry, and gives again what was let in.
    [[gnu::always_inline]] static Vec backward_second(Vec grad, const float* tape, const float* h_prev, float* carry,
                                                      float* deltas) noexcept {
        const Vec r = vector_at(tape, 0);
        const Vec h = load(h_prev);
        store(deltas + kLanes, grad * h * (r * (1.0F - r)));
        store(carry, load(carry) + grad * r);
        return r * h;
    }
};

}  // namespace recurra::core::RECURRA_ISA
