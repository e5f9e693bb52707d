// Everything that is compiled once for each instruction set: see simd.hpp.

#include "core/kernels.hpp"

#include "core/affine.hpp"
#include "core/backward.hpp"
#include "core/forward.hpp"

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

std::size_t packed_size(const Layer& layer) noexcept {
    return with_cell(layer.cell, [&]<class C>() { return static_cast<std::size_t>(packed_floats<C>(layer)); });
}

void pack(const Layer& layer, const Weights& weights, float* packed) noexcept {
    with_cell(layer.cell, [&]<class C>() { pack_weights<C>(weights, laid_out<C>(layer, packed), 0, 1); });
}

std::int64_t row_size(std::int64_t hidden) noexcept {
    return blocks_of(hidden) * kLanes;
}

// What a step keeps for itself of a row: what is let in, and the gates.
std::int64_t scratch_row(const Layer& layer) noexcept {
    return with_cell(
        layer.cell, [&]<class C>() -> std::int64_t { return C::kTwice ? row_size(layer.hidden) * (1 + C::kTape) : 0; });
}

void step_any(const Layer& layer, const float* packed, std::int64_t rows, const float* x, std::int64_t x_row,
              const float* h, float* h_next, float* c, float* scratch) noexcept {
    const NoDenormals no_denormals;
    with_cell(layer.cell, [&]<class C>() {
        const PackedWeights w = laid_out<C>(layer, const_cast<float*>(packed));
        const StepRows at{.x = x,
                          .x_row = x_row,
                          .h_words = h,
                          .h_prev = h,
                          .c_prev = c,
                          .h = h_next,
                          .c = c,
                          .tape = C::kTwice ? scratch + rows * row_size(layer.hidden) : nullptr,
                          .let_in = scratch,
                          .let_in_words = scratch};
        step<C>(w, at, {0, rows}, {0, w.panels.count});
        if constexpr (C::kTwice) second_step<C>(w, at, {0, rows}, {0, w.panels.count});
    });
}

std::size_t linear_size(std::int64_t outputs, std::int64_t inputs) noexcept {
    return static_cast<std::size_t>(affine_floats(outputs, inputs));
}

void linear(const float* packed, std::int64_t outputs, std::int64_t inputs, const float* x, std::int64_t rows,
            std::int64_t x_row, float* out, std::int64_t out_row) noexcept {
    const NoDenormals no_denormals;
    affine(packed, outputs, inputs, x, rows, x_row, out, out_row);
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
    .packed_size = packed_size,
    .pack = pack,
    .row_size = row_size,
    .scratch_row = scratch_row,
    .step = step_any,
    .linear_size = linear_size,
    .pack_linear = pack_affine,
    .linear = linear,
    .multiply_adds = multiply_adds,
};

}  // namespace recurra::core::RECURRA_ISA
