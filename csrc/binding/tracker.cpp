// Forecasts held against the truth. Each call takes less than a microsecond, so arrays come in as in program.cpp.

#include "core/tracker.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "binding/binding.hpp"
#include "binding/floats.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using recurra::binding::expect;
using recurra::binding::Floats;
using Numbers = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Places = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::vector<T> copied(const nb::ndarray<const T, nb::c_contig, nb::device::cpu>& from) {
    return {from.data(), from.data() + from.size()};
}
std::vector<std::int64_t> copied(const Places& from) {
    return {from.data(), from.data() + from.size()};
}

std::shared_ptr<core::Followed> make(const Places& leads, const Places& strides, const Places& nearest,
                                     const Numbers& up, const Numbers& down, const Numbers& base, const Numbers& floor,
                                     const std::vector<double>& trained, double clip, std::int64_t middle,
                                     std::int64_t median) {
    expect(base.ndim() == 3, "base must be (steps ahead, targets, 1 + quantiles).");
    core::Followed made{.horizon = static_cast<std::int64_t>(base.shape(0)),
                        .targets = static_cast<std::int64_t>(base.shape(1)),
                        .numbers = static_cast<std::int64_t>(base.shape(2)),
                        .leads = copied(leads),
                        .strides = copied(strides),
                        .nearest = copied(nearest),
                        .up = copied(up),
                        .down = copied(down),
                        .base = copied(base),
                        .floor = copied(floor),
                        .trained = trained,
                        .clip = clip,
                        .middle = middle,
                        .median = median};
    made.complete();
    return std::make_shared<core::Followed>(std::move(made));
}

// The raw forecast that an array of three axes holds, in any order.
class Raw {
  public:
    Raw(nb::handle array, const core::Followed& followed) {
        if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_STRIDES | PyBUF_FORMAT) != 0) throw nb::python_error();
        const std::int64_t wanted[3] = {followed.horizon, followed.targets, followed.numbers};
        bool fits = buffer_.ndim == 3 && std::strcmp(buffer_.format, "f") == 0;
        for (int axis = 0; fits && axis < 3; ++axis) {
            fits = buffer_.shape[axis] == wanted[axis] && buffer_.strides[axis] % std::int64_t{sizeof(float)} == 0;
        }
        if (!fits) {
            PyBuffer_Release(&buffer_);
            throw nb::value_error("A raw forecast is float32 of shape (steps ahead, targets, 1 + quantiles).");
        }
    }
    ~Raw() { PyBuffer_Release(&buffer_); }
    Raw(const Raw&) = delete;
    Raw(Raw&&) = delete;
    Raw& operator=(const Raw&) = delete;
    Raw& operator=(Raw&&) = delete;

    [[nodiscard]] core::RawForecast forecast() const noexcept {
        core::RawForecast raw{.data = static_cast<const float*>(buffer_.buf)};
        for (int axis = 0; axis < 3; ++axis) raw.strides[axis] = buffer_.strides[axis] / std::int64_t{sizeof(float)};
        return raw;
    }

  private:
    Py_buffer buffer_{};
};

class Tracker {
  public:
    Tracker(const std::shared_ptr<core::Followed>& followed, bool adapts)
        : core_(followed, adapts), truth_(targets()), scales_(targets()) {
        shape_ = nb::make_tuple(followed->horizon, followed->targets, followed->numbers);
        empty_ = nb::module_::import_("numpy").attr("empty");
        float32_ = nb::module_::import_("numpy").attr("dtype")("float32");
    }

    void judge(std::int64_t row, const nb::tuple& truth, const nb::list& scales) {
        expect(row >= 0 && truth.size() == targets() && scales.size() == targets(),
               "A truth, and the scale of its series, has a number for each target.");
        for (std::size_t i = 0; i < targets(); ++i) {
            truth_[i] = nb::cast<double>(truth[i]);
            scales_[i] = nb::cast<double>(scales[i]);
        }
        core_.judge(row, truth_.data(), scales_.data());
    }

    nb::object finish(std::int64_t row, nb::handle raw, nb::handle spread) {
        expect(row >= 0, "Rows are counted from 0.");
        return calibrated(raw, spread, [&](const core::RawForecast& given, const float* unit, float* out) {
            core_.finish(row, given, unit, out);
        });
    }

    nb::object calibrate(nb::handle raw, nb::handle spread) {
        return calibrated(raw, spread, [&](const core::RawForecast& given, const float* unit, float* out) {
            core_.calibrate(given, unit, out);
        });
    }

    void forget(std::int64_t row) {
        expect(row >= 0, "Rows are counted from 0.");
        core_.forget(row);
    }

    [[nodiscard]] nb::object drift() const {
        const double drift = core_.drift();
        return std::isnan(drift) ? nb::none() : nb::object(nb::float_(drift));
    }

    [[nodiscard]] core::Tracker& core() noexcept { return core_; }

  private:
    template <class Call>
    nb::object calibrated(nb::handle raw, nb::handle spread, Call call) {
        const Raw given(raw, core_.followed());
        const Floats unit(spread, PyBUF_SIMPLE);
        unit.check_size("A spread", core_.followed().targets);
        nb::object out = empty_(shape_, float32_);
        const Floats to(out, PyBUF_WRITABLE);
        call(given.forecast(), unit.data(), to.data());
        return out;
    }

    [[nodiscard]] std::size_t targets() const noexcept { return static_cast<std::size_t>(core_.followed().targets); }

    core::Tracker core_;
    std::vector<double> truth_, scales_;
    nb::object shape_, empty_, float32_;
};

// What a tracker holds, as an array over the same memory.
template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<2>> view(std::vector<T>& numbers, std::size_t width, nb::handle owner) {
    return {numbers.data(), {numbers.size() / width, width}, owner};
}

}  // namespace

void recurra::binding::define_tracker(nb::module_& module) {
    nb::class_<core::Followed>(module, "Followed")
        .def(nb::new_(&make), nb::kw_only(), nb::arg("leads"), nb::arg("strides"), nb::arg("nearest"), nb::arg("up"),
             nb::arg("down"), nb::arg("base"), nb::arg("floor"), nb::arg("trained"), nb::arg("clip"), nb::arg("middle"),
             nb::arg("median"));
    nb::class_<Tracker>(module, "Tracker")
        .def(nb::init<const std::shared_ptr<core::Followed>&, bool>(), nb::arg("followed"), nb::arg("adapts"))
        .def("judge", &Tracker::judge, nb::arg("row"), nb::arg("truth"), nb::arg("scales"))
        .def("finish", &Tracker::finish, nb::arg("row"), nb::arg("raw"), nb::arg("spread"))
        .def("calibrate", &Tracker::calibrate, nb::arg("raw"), nb::arg("spread"))
        .def("forget", &Tracker::forget, nb::arg("row"))
        .def("drift", &Tracker::drift)
        .def_prop_rw(
            "until", [](Tracker& self) { return self.core().until(); },
            [](Tracker& self, std::int64_t row) { self.core().until() = row; })
        .def_prop_rw(
            "next", [](Tracker& self) { return self.core().next(); },
            [](Tracker& self, std::int64_t row) { self.core().next() = row; })
        .def_prop_ro("moved",
                     [](nb::handle self) {
                         core::Tracker& it = nb::cast<Tracker&>(self).core();
                         return view(it.moved(), static_cast<std::size_t>(it.followed().width()), self);
                     })
        .def_prop_ro("waiting",
                     [](nb::handle self) {
                         core::Tracker& it = nb::cast<Tracker&>(self).core();
                         return view(it.waiting(), static_cast<std::size_t>(it.followed().width()), self);
                     })
        .def_prop_ro("numbers", [](nb::handle self) {
            core::Tracker& it = nb::cast<Tracker&>(self).core();
            return view(it.numbers(), static_cast<std::size_t>(it.followed().targets), self);
        });
}
