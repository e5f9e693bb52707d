// The module recurra._core: check, release the GIL, call. Nothing else.

#include <nanobind/nanobind.h>

#include "binding/binding.hpp"

NB_MODULE(_core, module) {
    module.doc() = "The compiled part of recurra. Only recurra.ops and recurra.runtime talk to it.";
    recurra::binding::define_cross_entropy(module);
    recurra::binding::define_machine(module);
    recurra::binding::define_observed(module);
    recurra::binding::define_program(module);
    recurra::binding::define_sequences(module);
    recurra::binding::define_stream(module);
    recurra::binding::define_tracker(module);
}
