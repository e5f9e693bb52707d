#include <nanobind/nanobind.h>

#include "binding/binding.hpp"
#include "core/cpu_features.hpp"
#include "core/recurrent.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

nb::dict cpu_features() {
    const core::CpuFeatures f = core::cpu_features();
    nb::dict result;
    result["sse4.2"] = f.sse4_2;
    result["avx"] = f.avx;
    result["avx2"] = f.avx2;
    result["fma"] = f.fma;
    result["avx512f"] = f.avx512f;
    result["avx512bw"] = f.avx512bw;
    result["avx512vl"] = f.avx512vl;
    result["avx512_bf16"] = f.avx512_bf16;
    result["avx512_vnni"] = f.avx512_vnni;
    result["neon"] = f.neon;
    return result;
}

nb::tuple instruction_sets() {
    nb::list names;
    for (const char* name : core::instruction_sets()) {
        names.append(name);
    }
    return nb::tuple(names);
}

double peak_gflops(int threads, double seconds) {
    if (threads < 1 || !(seconds > 0)) {
        throw nb::value_error("peak_gflops needs at least one thread and more than no time.");
    }
    const nb::gil_scoped_release release;
    return core::peak_gflops(threads, seconds);
}

}  // namespace

void recurra::binding::define_machine(nb::module_& module) {
    module.def("cpu_features", &cpu_features);
    module.def("instruction_sets", &instruction_sets);
    module.def("instruction_set", &core::instruction_set);
    module.def("has_bfloat16", &core::has_bfloat16);
    module.def("use_instruction_set", &core::use_instruction_set, nb::arg("name"));
    module.def("peak_gflops", &peak_gflops, nb::arg("threads"), nb::arg("seconds"));
}
