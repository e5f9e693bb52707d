#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <string_view>
#include <utility>

#include "core/recurrent.hpp"

namespace recurra::binding {

// The cell that recurra.reference calls by this name.
inline core::Cell cell_named(std::string_view name) {
    using enum core::Cell;
    constexpr std::array<std::pair<std::string_view, core::Cell>, 6> kNames{{
        {"rnn-tanh", kRnnTanh},
        {"rnn-relu", kRnnRelu},
        {"lstm", kLstm},
        {"lstm-peephole", kPeepholeLstm},
        {"gru", kGruResetAfter},
        {"gru-reset-before", kGruResetBefore},
    }};
    for (const auto& [known, cell] : kNames) {
        if (known == name) {
            return cell;
        }
    }
    throw nanobind::value_error("There is no compiled cell of this name.");
}

}  // namespace recurra::binding
