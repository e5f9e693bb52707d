#pragma once

#include <nanobind/nanobind.h>

// The parts of recurra._core: each puts its functions and classes into the module.
namespace recurra::binding {

void define_cross_entropy(nanobind::module_& module);  // cross_entropy.cpp: of a linear map's outputs
void define_machine(nanobind::module_& module);        // machine.cpp: what this processor can do
void define_observed(nanobind::module_& module);       // observed.cpp: steps since a value was observed
void define_program(nanobind::module_& module);        // program.cpp: whole networks
void define_sequences(nanobind::module_& module);      // sequences.cpp: whole sequences through one recurrent layer
void define_stream(nanobind::module_& module);         // stream.cpp: a stack of layers, step by step
void define_tracker(nanobind::module_& module);        // tracker.cpp: forecasts held against the truth

}  // namespace recurra::binding
