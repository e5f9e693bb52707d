// Everything that is compiled once for each instruction set: see simd.hpp.

#include "core/kernels.hpp"

#include "core/affine.hpp"
#include "core/backward.hpp"
#include "core/forward.hpp"
#include "core/logits.hpp"

namespace recurra::core::RECURRA_ISA {

namespace {

// Calls with.template operator()<the cell's type>().
template <class With>
[[gnu::always_inline]] inline auto with_cell(Cell cell, With with) {
    switch (cell) {
        case Cell::kRnnTanh:
            return with.template operator()<RnnCell<Squash::kTanh>>();
        case Cell::kRnnRelu:
            return with.template operator()<RnnCell<Squash::kRelu>>();
        case Cell::kLstm:
            return with.template operator()<LstmCell<false>>();
        case Cell::kPeepholeLstm:
            return with.template operator()<LstmCell<true>>();
        case Cell::kGruResetAfter:
            return with.template operator()<GruCell>();
        default:
            return with.template operator()<GruResetBeforeCell>();
    }
}

void forward_any(const Forward& call, const Timeline& timeline) {
    with_cell(call.layer.cell, [&]<class C>() { forward<C>(call, timeline); });
}

void backward_any(const Backward& call, const Timeline& timeline) {
    with_cell(call.layer.cell, [&]<class C>() { backward<C>(call, timeline); });
}

std::size_t tape_size(const Layer& layer, std::int64_t rows, bool recompute) noexcept {
    return with_cell(layer.cell, [&]<class C>() {
        const Index gates = recompute || C::kTapeIsOutput ? 0 : C::kTape;
        return static_cast<std::size_t>(rows * blocks_of(layer.hidden) * kLanes * (gates + (C::kMemory ? 1 : 0)));
    });
}

template <class W>
std::size_t packed_size(const Layer& layer) noexcept {
    return with_cell(layer.cell, [&]<class C>() { return static_cast<std::size_t>(packed_floats<C, W>(layer)); });
}

void pack(const Layer& layer, const Weights& weights, float* packed) noexcept {
    with_cell(layer.cell, [&]<class C>() { pack_weights<C>(weights, laid_out<C, WordWeights>(layer, packed), 0, 1); });
}

template <class W>
void pack_any(const Layer& layer, const QuantizedWeights& weights, float* packed) noexcept {
    with_cell(layer.cell, [&]<class C>() { pack_quantized<C>(weights, laid_out<C, W>(layer, packed)); });
}

std::int64_t row_size(std::int64_t hidden) noexcept {
    return blocks_of(hidden) * kLanes;
}

// What a step keeps for itself of a row: what is let in, and the gates; and what is rounded.
template <class W>
std::int64_t scratch_row(const Layer& layer) noexcept {
    return with_cell(layer.cell, [&]<class C>() -> std::int64_t {
        return (C::kTwice ? row_size(layer.hidden) * (1 + C::kTape) : 0) +
               (W::InputMatrix::kRounds ? rounded_row(layer.features) : 0) +
               (W::StateMatrix::kRounds ? rounded_row(layer.hidden) : 0);
    });
}

template <class W>
void step_any(const Layer& layer, const float* packed, std::int64_t rows, const float* x, std::int64_t x_row,
              const float* gates, const float* h, float* h_next, float* c, float* scratch, bool is_one_state) noexcept {
    const NoDenormals no_denormals;
    with_cell(layer.cell, [&]<class C>() {
        const auto w = laid_out<C, W>(layer, const_cast<float*>(packed));
        const Range all_rows{0, rows};
        const Range all_panels{0, w.panels.count};
        const Index stride = row_size(layer.hidden);
        float* const tape = scratch + (C::kTwice ? rows * stride : 0);
        float* const h_rounded = tape + (C::kTwice ? rows * stride * C::kTape : 0);
        float* const x_rounded = h_rounded + rows * rounded_row(layer.hidden);
        const auto round_state = [&](const float* from) { round_rows(from, stride, layer.hidden, rows, h_rounded); };
        constexpr bool kRoundsX = W::InputMatrix::kRounds;
        constexpr bool kRoundsH = W::StateMatrix::kRounds;
        if constexpr (kRoundsX) round_rows(x, x_row, layer.features, rows, x_rounded);
        if constexpr (kRoundsH) round_state(h);
        const StepRows at{.gates = gates,
                          .gates_panel = w.panels.stride(),
                          .x = kRoundsX ? x_rounded : x,
                          .x_row = kRoundsX ? rounded_row(layer.features) : x_row,
                          .h_words = kRoundsH ? h_rounded : h,
                          .h_prev = h,
                          .c_prev = c,
                          .h = h_next,
                          .c = c,
                          .tape = C::kTwice ? tape : nullptr,
                          .let_in = scratch,
                          .let_in_words = kRoundsH ? h_rounded : scratch,
                          .is_one_state = is_one_state && !C::kTwice};
        step<C>(w, at, all_rows, all_panels);
        if constexpr (C::kTwice) {
            if constexpr (kRoundsH) round_state(scratch);
            second_step<C>(w, at, all_rows, all_panels);
        }
    });
}

std::int64_t gates_row(const Layer& layer) noexcept {
    return with_cell(layer.cell, [&]<class C>() { return gate_panels<C>(layer.hidden).room(); });
}

template <class W>
void input_gates_any(const Layer& layer, const float* packed, const float* x, float* gates) noexcept {
    const NoDenormals no_denormals;
    with_cell(layer.cell, [&]<class C>() {
        const auto w = laid_out<C, W>(layer, const_cast<float*>(packed));
        for (Index p = 0; p < w.panels.count; ++p) input_gates(w, x, {0, 1}, p, gates, w.panels.stride());
    });
}

double multiply_adds(std::int64_t rounds) noexcept {
    constexpr int kSums = kRegisters == 32 ? 24 : 12;
    Vec sums[kSums];
    // Each begins elsewhere, or the compiler would compute only one of them.
#pragma GCC unroll 24
    for (int k = 0; k < kSums; ++k) sums[k] = broadcast(static_cast<float>(rounds + k));
    const Vec factor = broadcast(0.5F);
    const Vec other = broadcast(1.0F);
    for (Index i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
        for (Vec& sum : sums) sum = sum * factor + other;
        __asm__ volatile("" : "+m"(rounds));
    }
    Vec total{};
#pragma GCC unroll 24
    for (const Vec& sum : sums) total += sum;
    __asm__ volatile("" : : "m"(total));
    return static_cast<double>(rounds) * kSums * static_cast<double>(kLanes);
}

}  // namespace

#define RECURRA_STRING_OF(name) #name
#define RECURRA_STRING(name) RECURRA_STRING_OF(name)

const Kernels kernels = {
    .name = RECURRA_STRING(RECURRA_ISA),
    .forward = forward_any,
    .backward = backward_any,
    .tape_size = tape_size,
    .row_size = row_size,
    .floats = {packed_size<WordWeights>, pack, scratch_row<WordWeights>, step_any<WordWeights>, gates_row,
               input_gates_any<WordWeights>},
    .bytes = {packed_size<ByteWeights>, pack_any<ByteWeights>, scratch_row<ByteWeights>, step_any<ByteWeights>, nullptr,
              nullptr},
    .state_bytes = {packed_size<ByteStateWeights>, pack_any<ByteStateWeights>, scratch_row<ByteStateWeights>,
                    step_any<ByteStateWeights>, gates_row, input_gates_any<ByteStateWeights>},
    .affine = {affine_size<FloatMatrix<kInWord>>, pack_affine, affine},
    .byte_affine = {affine_size<ByteMatrix>, pack_byte_affine, byte_affine},
    .cross_entropy_forward = cross_entropy_forward,
    .cross_entropy_backward = cross_entropy_backward,
    .multiply_adds = multiply_adds,
};

}  // namespace recurra::core::RECURRA_ISA
