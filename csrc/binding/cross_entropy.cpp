// The cross-entropy of a linear map, on addresses of memory. Sizes, layouts and types are checked where the tensors are
// (recurra.ops); here, what must be read to be checked.

#include "core/cross_entropy.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <span>
#include <string>
#include <tuple>

#include "binding/binding.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using Size = std::int64_t;
using Address = std::uintptr_t;  // 0: nothing there

using SizeArgs = std::tuple<Size, Size, Size>;                             // rows, features, classes
using OperandArgs = std::tuple<Address, Size, Address, Address, Address>;  // x, its row stride; weight, bias, target

template <class T>
T* at(Address address) noexcept {
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): that is what Python hands over
}

core::LinearCrossEntropy call_of(const SizeArgs& sizes, const OperandArgs& operands, Size ignored, float smoothing,
                                 int threads) {
    const auto [rows, features, classes] = sizes;
    const auto [x, x_row, weight, bias, target] = operands;
    if (rows < 0 || features < 1 || classes < 1) {
        throw nb::value_error("There is at least one feature and one class, and rows are counted from 0.");
    }
    const core::LinearCrossEntropy call{
        .rows = rows,
        .features = features,
        .classes = classes,
        .x = at<const float>(x),
        .x_row = x_row,
        .weight = at<const float>(weight),
        .bias = at<const float>(bias),
        .target = at<const Size>(target),
        .ignored = ignored,
        .smoothing = smoothing,
        .threads = threads,
    };
    // The core trusts them with its memory accesses.
    for (const Size one : std::span(call.target, static_cast<std::size_t>(rows))) {
        if (one != ignored && (one < 0 || one >= classes)) {
            throw nb::index_error(("Target " + std::to_string(one) + " is none of " + std::to_string(classes) +
                                   " classes, which are counted from 0, nor ignore_index=" + std::to_string(ignored) +
                                   ".")
                                      .c_str());
        }
    }
    return call;
}

void forward(const SizeArgs& sizes, const OperandArgs& operands, Size ignored, float smoothing, Address losses,
             Address softmax, Address logits, int threads) {
    const core::LinearCrossEntropyForward call{
        .of = call_of(sizes, operands, ignored, smoothing, threads),
        .losses = at<float>(losses),
        .softmax = at<float>(softmax),
        .logits = at<float>(logits),
    };
    const nb::gil_scoped_release release;
    core::linear_cross_entropy_forward(call);
}

void backward(const SizeArgs& sizes, const OperandArgs& operands, Size ignored, float smoothing, Address softmax,
              Address logits, Address grad_losses, const std::tuple<Address, Address, Address>& grads, int threads) {
    const auto [grad_x, grad_weight, grad_bias] = grads;
    const core::LinearCrossEntropyBackward call{
        .of = call_of(sizes, operands, ignored, smoothing, threads),
        .softmax = at<const float>(softmax),
        .logits = at<const float>(logits),
        .grad_losses = at<const float>(grad_losses),
        .grad_x = at<float>(grad_x),
        .grad_weight = at<float>(grad_weight),
        .grad_bias = at<float>(grad_bias),
    };
    const nb::gil_scoped_release release;
    core::linear_cross_entropy_backward(call);
}

}  // namespace

void recurra::binding::define_cross_entropy(nb::module_& module) {
    module.def("linear_cross_entropy_forward", &forward, nb::arg("sizes"), nb::arg("operands"), nb::arg("ignored"),
               nb::arg("smoothing"), nb::arg("losses"), nb::arg("softmax"), nb::arg("logits"), nb::arg("threads"));
    module.def("linear_cross_entropy_backward", &backward, nb::arg("sizes"), nb::arg("operands"), nb::arg("ignored"),
               nb::arg("smoothing"), nb::arg("softmax"), nb::arg("logits"), nb::arg("grad_losses"), nb::arg("grads"),
               nb::arg("threads"));
}
