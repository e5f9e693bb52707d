#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "binding/cells.hpp"
#include "binding/floats.hpp"
#include "core/recurrent.hpp"

// Layers as Python gives them.
namespace recurra::binding {

using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
// Any numbers, so that none are turned into int8 in silence.
using Bytes = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
// float32, or int8 with the float32 scale of each row.
using AnyMatrix = std::variant<Matrix, std::tuple<Bytes, Vector>>;
// cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_peephole
using LayerArgs = std::tuple<std::string_view, AnyMatrix, AnyMatrix, std::optional<Vector>, std::optional<Vector>,
                             std::optional<Vector>>;

inline const float* floats_of(const AnyMatrix& matrix) {
    const auto* const floats = std::get_if<Matrix>(&matrix);
    return floats == nullptr ? nullptr : floats->data();
}

// The numbers and the scales, or nulls.
inline std::pair<const std::int8_t*, const float*> bytes_of(const AnyMatrix& matrix) {
    const auto* const quantized = std::get_if<std::tuple<Bytes, Vector>>(&matrix);
    if (quantized == nullptr) return {};
    const auto& [bytes, scale] = *quantized;
    expect(bytes.dtype() == nb::dtype<std::int8_t>() && scale.shape(0) == bytes.shape(0),
           "A quantised matrix is int8 of shape (rows, columns) with a float32 scale for each row.");
    return {static_cast<const std::int8_t*>(bytes.data()), scale.data()};
}

inline std::int64_t size_of(const AnyMatrix& matrix, std::size_t axis) {
    const auto* const floats = std::get_if<Matrix>(&matrix);
    const auto* const quantized = std::get_if<std::tuple<Bytes, Vector>>(&matrix);
    return static_cast<std::int64_t>(floats != nullptr ? floats->shape(axis) : std::get<0>(*quantized).shape(axis));
}

inline core::Layer layer_of(const LayerArgs& args) {
    const AnyMatrix& w_ih = std::get<1>(args);
    const AnyMatrix& w_hh = std::get<2>(args);
    const core::Layer layer{
        .cell = cell_named(std::get<0>(args)), .features = size_of(w_ih, 1), .hidden = size_of(w_hh, 1)};
    const std::int64_t gates = core::gates_of(layer.cell) * layer.hidden;
    expect(layer.hidden >= 1 && layer.features >= 1 && size_of(w_hh, 0) == gates && size_of(w_ih, 0) == gates,
           "weight_ih must be (gates, features) and weight_hh (gates, hidden), gates being 1, 3 or 4 times hidden.");
    return layer;
}

inline const float* data_of(const std::optional<Vector>& vector, std::int64_t size, const std::string& name) {
    expect(!vector || static_cast<std::int64_t>(vector->shape(0)) == size,
           name + " has a size that does not fit weight_hh.");
    return vector ? vector->data() : nullptr;
}

inline core::AnyWeights weights_of(const LayerArgs& args, const core::Layer& layer) {
    const auto& [cell, w_ih, w_hh, bias_ih, bias_hh, weight_peephole] = args;
    const std::int64_t gates = core::gates_of(layer.cell) * layer.hidden;
    expect(weight_peephole.has_value() == (layer.cell == core::Cell::kPeepholeLstm),
           "A peephole LSTM has a weight_peephole, and no other cell has one.");
    const float* const b_ih = data_of(bias_ih, gates, "bias_ih");
    const float* const b_hh = data_of(bias_hh, gates, "bias_hh");
    const float* const peephole = data_of(weight_peephole, 3 * layer.hidden, "weight_peephole");
    const auto [ih, scale_ih] = bytes_of(w_ih);
    const auto [hh, scale_hh] = bytes_of(w_hh);
    if (hh != nullptr) {
        return core::QuantizedWeights{.w_ih = ih,
                                      .scale_ih = scale_ih,
                                      .w_hh = hh,
                                      .scale_hh = scale_hh,
                                      .b_ih = b_ih,
                                      .b_hh = b_hh,
                                      .peephole = peephole,
                                      .float_w_ih = floats_of(w_ih)};
    }
    expect(ih == nullptr,
           "weight_ih is int8 where weight_hh is float32. Give weight_hh as int8 too, or both as float32.");
    return core::Weights{
        .w_ih = floats_of(w_ih), .w_hh = floats_of(w_hh), .b_ih = b_ih, .b_hh = b_hh, .peephole = peephole};
}

// Layers of which each reads what the one before it gives, and the multiplications of a step of one row.
struct Packed {
    std::shared_ptr<const core::Stack> stack;
    std::int64_t work = 0;
};

inline Packed pack(const std::vector<LayerArgs>& args) {
    expect(!args.empty(), "A stream has at least one layer.");
    std::vector<core::Layer> layers;
    std::vector<core::AnyWeights> weights;
    std::int64_t work = 0;
    for (const LayerArgs& one : args) {
        const core::Layer layer = layer_of(one);
        expect(layers.empty() || layers.back().hidden == layer.features,
               "Each layer must read as many features as the layer before it has hidden units.");
        layers.push_back(layer);
        weights.push_back(weights_of(one, layer));
        work += core::gates_of(layer.cell) * layer.hidden * (layer.features + layer.hidden);
    }
    return {.stack = core::make_stack(layers, weights), .work = work};
}

}  // namespace recurra::binding
