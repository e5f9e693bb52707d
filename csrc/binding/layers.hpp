#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "binding/cells.hpp"
#include "binding/floats.hpp"
#include "core/recurrent.hpp"

// Layers as Python gives them.
namespace recurra::binding {

using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
// cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_peephole
using LayerArgs =
    std::tuple<std::string_view, Matrix, Matrix, std::optional<Vector>, std::optional<Vector>, std::optional<Vector>>;

inline core::Layer layer_of(const LayerArgs& args) {
    const Matrix& w_ih = std::get<1>(args);
    const Matrix& w_hh = std::get<2>(args);
    const core::Layer layer{.cell = cell_named(std::get<0>(args)),
                            .features = static_cast<std::int64_t>(w_ih.shape(1)),
                            .hidden = static_cast<std::int64_t>(w_hh.shape(1))};
    const auto gates = static_cast<std::size_t>(core::gates_of(layer.cell) * layer.hidden);
    expect(layer.hidden >= 1 && layer.features >= 1 && w_hh.shape(0) == gates && w_ih.shape(0) == gates,
           "weight_ih must be (gates, features) and weight_hh (gates, hidden), gates being 1, 3 or 4 times hidden.");
    return layer;
}

inline const float* data_of(const std::optional<Vector>& vector, std::int64_t size, const std::string& name) {
    expect(!vector || static_cast<std::int64_t>(vector->shape(0)) == size,
           name + " has a size that does not fit weight_hh.");
    return vector ? vector->data() : nullptr;
}

inline core::Weights weights_of(const LayerArgs& args, const core::Layer& layer) {
    const auto& [cell, w_ih, w_hh, b_ih, b_hh, peephole] = args;
    const std::int64_t gates = core::gates_of(layer.cell) * layer.hidden;
    expect(peephole.has_value() == (layer.cell == core::Cell::kPeepholeLstm),
           "A peephole LSTM has a weight_peephole, and no other cell has one.");
    return {.w_ih = w_ih.data(),
            .w_hh = w_hh.data(),
            .b_ih = data_of(b_ih, gates, "bias_ih"),
            .b_hh = data_of(b_hh, gates, "bias_hh"),
            .peephole = data_of(peephole, 3 * layer.hidden, "weight_peephole")};
}

// Layers of which each reads what the one before it gives, and the multiplications of a step of one row.
struct Packed {
    std::shared_ptr<const core::Stack> stack;
    std::int64_t work = 0;
};

inline Packed pack(const std::vector<LayerArgs>& args) {
    expect(!args.empty(), "A stream has at least one layer.");
    std::vector<core::Layer> layers;
    std::vector<core::Weights> weights;
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
