// Whole sequences, on addresses of memory: handing over a tensor itself costs more than a short sequence takes. Sizes,
// layouts and types are checked where the tensors are (recurra.ops); here, what must be read to be checked.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>

#include "binding/binding.hpp"
#include "binding/cells.hpp"
#include "core/recurrent.hpp"
#include "core/workspace.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using Size = std::int64_t;
using Address = std::uintptr_t;  // 0: nothing there

using LayerArgs = std::tuple<std::string_view, Size, Size, bool>;            // cell, features, hidden, bfloat16
using StepsArgs = std::tuple<Size, Size, Size, Address, Address, Address>;   // time, rows, rows of the data,
                                                                             // lengths, batch_sizes, resets
using SequenceArgs = std::tuple<Address, Size, Size>;                        // data, time stride, row stride
using WeightArgs = std::tuple<Address, Address, Address, Address, Address>;  // w_ih, w_hh, b_ih, b_hh, peephole
using StateArgs = std::tuple<Address, Address>;                              // h, c

template <class T>
T* at(Address address) noexcept {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): that is what Python hands over
}

core::Layer layer_of(const LayerArgs& args) {
    const auto [cell, features, hidden, bfloat16] = args;
    if (features < 1 || hidden < 1) {
        throw nb::value_error("A layer has at least one feature and one hidden unit.");
    }
    return {recurra::binding::cell_named(cell), features, hidden, bfloat16};
}

template <class T>
core::Sequence<T> sequence_of(const SequenceArgs& args) noexcept {
    const auto [data, time_stride, row_stride] = args;
    return {at<T>(data), time_stride, row_stride};
}

core::Weights weights_of(const WeightArgs& args) noexcept {
    const auto [w_ih, w_hh, b_ih, b_hh, peephole] = args;
    return {at<const float>(w_ih), at<const float>(w_hh), at<const float>(b_ih), at<const float>(b_hh),
            at<const float>(peephole)};
}

// The core trusts lengths and batch sizes with its memory accesses.
void check_lengths(std::span<const Size> lengths, Size time) {
    for (const Size length : lengths) {
        if (length < 0 || length > time) {
            throw nb::value_error("Each of the lengths must lie between 0 and the number of steps.");
        }
    }
}

void check_batch_sizes(std::span<const Size> batch_sizes, Size rows, Size data_rows) {
    Size before = rows;
    Size sum = 0;
    for (const Size size : batch_sizes) {
        if (size < 1 || size > before) {
            throw nb::value_error("batch_sizes must be positive, never rise, and start with the number of rows.");
        }
        sum += size;
        before = size;
    }
    if (sum != data_rows || (!batch_sizes.empty() && batch_sizes.front() != rows)) {
        throw nb::value_error("batch_sizes must start with the number of rows and add up to the rows of the data.");
    }
}

core::Steps steps_of(const StepsArgs& args, bool reverse) {
    const auto [time, rows, data_rows, lengths, batch_sizes, resets] = args;
    if (time < 0 || rows < 0 || data_rows < 0) {
        throw nb::value_error("Steps and rows are counted from 0.");
    }
    if (lengths != 0 && batch_sizes != 0) {
        throw nb::value_error("A packed sequence has its lengths already.");
    }
    core::Steps steps{.time = time, .rows = rows, .lengths = {}, .batch_sizes = {}, .resets = {}, .reverse = reverse};
    if (lengths != 0) {
        steps.lengths = {at<const Size>(lengths), static_cast<std::size_t>(rows)};
        check_lengths(steps.lengths, time);
    }
    if (batch_sizes != 0) {
        steps.batch_sizes = {at<const Size>(batch_sizes), static_cast<std::size_t>(time)};
        check_batch_sizes(steps.batch_sizes, rows, data_rows);
    }
    if (resets != 0) {
        steps.resets = {at<const std::uint8_t>(resets), static_cast<std::size_t>(data_rows)};
    }
    return steps;
}

// Memory that goes back to where the core keeps some when the last array or tensor on it is gone: fresh memory from the
// system costs as much as a short sequence. Uninitialised.
nb::ndarray<nb::numpy, float, nb::ndim<1>> kept_floats(std::size_t count) {
    auto piece = std::make_unique<core::Piece>(core::take_piece(count * sizeof(float)));
    float* const data = piece->data;
    const nb::capsule owner(piece.get(), [](void* address) noexcept {
        const std::unique_ptr<core::Piece> piece(static_cast<core::Piece*>(address));
        core::give_piece(*piece);
    });
    piece.release();  // NOLINT(bugprone-unused-return-value): it is the capsule's now
    return {data, {count}, owner};
}

std::size_t tape_size(const LayerArgs& layer, const StepsArgs& steps, bool recompute) {
    return core::tape_size(layer_of(layer), steps_of(steps, false), recompute);
}

void forward(const LayerArgs& layer, const StepsArgs& steps, bool reverse, const WeightArgs& weights,
             const SequenceArgs& x, const StateArgs& start, const SequenceArgs& out, const StateArgs& end, Address tape,
             bool recompute, int threads) {
    const core::Forward call{
        .layer = layer_of(layer),
        .steps = steps_of(steps, reverse),
        .weights = weights_of(weights),
        .x = sequence_of<const float>(x),
        .h0 = at<const float>(std::get<0>(start)),
        .c0 = at<const float>(std::get<1>(start)),
        .out = sequence_of<float>(out),
        .h_n = at<float>(std::get<0>(end)),
        .c_n = at<float>(std::get<1>(end)),
        .tape = at<float>(tape),
        .recompute = recompute,
        .threads = threads,
    };
    const nb::gil_scoped_release release;
    core::forward(call);
}

void backward(const LayerArgs& layer, const StepsArgs& steps, bool reverse, const WeightArgs& weights,
              const SequenceArgs& x, const StateArgs& start, const SequenceArgs& out, Address tape, bool recompute,
              const SequenceArgs& grad_out, const StateArgs& grad_end, const SequenceArgs& grad_x,
              const StateArgs& grad_start, const WeightArgs& grad_weights, int threads) {
    const auto [grad_w_ih, grad_w_hh, grad_b_ih, grad_b_hh, grad_peephole] = grad_weights;
    const core::Backward call{
        .layer = layer_of(layer),
        .steps = steps_of(steps, reverse),
        .weights = weights_of(weights),
        .x = sequence_of<const float>(x),
        .h0 = at<const float>(std::get<0>(start)),
        .c0 = at<const float>(std::get<1>(start)),
        .out = sequence_of<const float>(out),
        .tape = at<const float>(tape),
        .recompute = recompute,
        .grad_out = sequence_of<const float>(grad_out),
        .grad_h_n = at<const float>(std::get<0>(grad_end)),
        .grad_c_n = at<const float>(std::get<1>(grad_end)),
        .grad_x = sequence_of<float>(grad_x),
        .grad_h0 = at<float>(std::get<0>(grad_start)),
        .grad_c0 = at<float>(std::get<1>(grad_start)),
        .grad_w_ih = at<float>(grad_w_ih),
        .grad_w_hh = at<float>(grad_w_hh),
        .grad_b_ih = at<float>(grad_b_ih),
        .grad_b_hh = at<float>(grad_b_hh),
        .grad_peephole = at<float>(grad_peephole),
        .threads = threads,
    };
    const nb::gil_scoped_release release;
    core::backward(call);
}

}  // namespace

void recurra::binding::define_sequences(nb::module_& module) {
    module.def("kept_floats", &kept_floats, nb::arg("count"));
    module.def("tape_size", &tape_size, nb::arg("layer"), nb::arg("steps"), nb::arg("recompute"));
    module.def("forward", &forward, nb::arg("layer"), nb::arg("steps"), nb::arg("reverse"), nb::arg("weights"),
               nb::arg("x"), nb::arg("start"), nb::arg("out"), nb::arg("end"), nb::arg("tape"), nb::arg("recompute"),
               nb::arg("threads"));
    module.def("backward", &backward, nb::arg("layer"), nb::arg("steps"), nb::arg("reverse"), nb::arg("weights"),
               nb::arg("x"), nb::arg("start"), nb::arg("out"), nb::arg("tape"), nb::arg("recompute"),
               nb::arg("grad_out"), nb::arg("grad_end"), nb::arg("grad_x"), nb::arg("grad_start"),
               nb::arg("grad_weights"), nb::arg("threads"));
}
