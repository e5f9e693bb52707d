#include "core/observed.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "binding/binding.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

template <class T, class... Shape>
using Array = nb::ndarray<const T, Shape..., nb::c_contig, nb::device::cpu>;

// The core trusts offsets with its memory accesses, so everything it relies on is looked at here.
void check_offsets(std::span<const std::int64_t> offsets, std::size_t rows) {
    if (offsets.empty() || offsets.front() != 0) {
        throw nb::value_error("offsets must start with 0: rows of series s are offsets[s]:offsets[s + 1].");
    }
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        if (offsets[s + 1] < offsets[s]) {
            throw nb::value_error("offsets must never fall: rows of series s are offsets[s]:offsets[s + 1].");
        }
    }
    if (offsets.back() != static_cast<std::int64_t>(rows)) {
        throw nb::value_error("offsets must end with the number of rows of values.");
    }
}

nb::ndarray<nb::numpy, float, nb::ndim<2>> steps_since_observed(const Array<float, nb::ndim<2>>& values,
                                                                const Array<std::int64_t, nb::ndim<1>>& offsets) {
    const std::size_t rows = values.shape(0);
    const std::size_t columns = values.shape(1);
    const std::size_t size = rows * columns;
    const std::span<const std::int64_t> bounds(offsets.data(), offsets.size());
    check_offsets(bounds, rows);

    auto out = std::make_unique_for_overwrite<float[]>(size);
    {
        nb::gil_scoped_release release;
        core::steps_since_observed({values.data(), size}, bounds, columns, {out.get(), size});
    }
    float* data = out.get();
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    out.release();
    return {data, {rows, columns}, owner};
}

}  // namespace

void recurra::binding::define_observed(nb::module_& module) {
    module.def("steps_since_observed", &steps_since_observed, nb::arg("values").noconvert(),
               nb::arg("offsets").noconvert());
}
