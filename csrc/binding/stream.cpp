// A stack of layers, step by step. At a microsecond a step, what stands around it counts: arrays come in through the
// buffer protocol, and what the answer is made of is kept ready.

#include <nanobind/nanobind.h>
#include <nanobind/stl/unique_ptr.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "binding/binding.hpp"
#include "binding/floats.hpp"
#include "binding/layers.hpp"
#include "core/recurrent.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using recurra::binding::expect;
using recurra::binding::Floats;
using recurra::binding::LayerArgs;
using recurra::binding::pack;
using recurra::binding::Packed;

// Letting go of the GIL and taking it back costs a tenth of a small step; a step of some 20 microseconds is worth it.
constexpr std::int64_t kWorkWorthReleasing = 1'000'000;

class Stream {
  public:
    Stream(Packed packed, std::int64_t rows) : packed_(std::move(packed)), stream_(packed_.stack, rows) { prepare(); }
    Stream(const Stream& other) : packed_(other.packed_), stream_(other.stream_) { prepare(); }
    Stream(Stream&&) = delete;
    Stream& operator=(const Stream&) = delete;
    Stream& operator=(Stream&&) = delete;
    ~Stream() = default;

    nb::object step(nb::handle x, nb::handle out) {
        const Floats input(x, PyBUF_SIMPLE);
        input.check("x", stream_.rows(), stream_.features());
        nb::object answer = out.is_none() ? empty_like(x, input.is_flat() ? shape_of_row_ : shape_) : nb::borrow(out);
        const Floats output(answer, PyBUF_WRITABLE);
        output.check("out", stream_.rows(), stream_.outputs());
        run(input.data(), output.data());
        return answer;
    }

    [[nodiscard]] nb::object state() const {
        check_idle();
        nb::object answer = empty_(stream_.state_size(), float32_);
        stream_.get_state(Floats(answer, PyBUF_WRITABLE).data());
        return answer;
    }

    void restore(nb::handle state) {
        check_idle();
        const Floats given(state, PyBUF_SIMPLE);
        given.check("state", static_cast<std::int64_t>(stream_.state_size()));
        stream_.set_state(given.data());
    }

    void reset() {
        check_idle();
        stream_.reset();
    }

    // A stream of the same weights whose state goes its own way from here.
    [[nodiscard]] std::unique_ptr<Stream> fork() const {
        check_idle();
        return std::make_unique<Stream>(*this);
    }

    // A stream of the same weights that begins at 0, with as many rows.
    [[nodiscard]] std::unique_ptr<Stream> anew(std::int64_t rows) const {
        return std::make_unique<Stream>(packed_, at_least_one(rows));
    }

    [[nodiscard]] static std::int64_t at_least_one(std::int64_t rows) {
        expect(rows >= 1, "rows=" + std::to_string(rows) + " was given; a stream has at least one row.");
        return rows;
    }

    [[nodiscard]] std::int64_t rows() const noexcept { return stream_.rows(); }
    [[nodiscard]] std::int64_t input_size() const noexcept { return stream_.features(); }
    [[nodiscard]] std::int64_t output_size() const noexcept { return stream_.outputs(); }

  private:
    void prepare() {
        const nb::module_ numpy = nb::module_::import_("numpy");
        empty_ = numpy.attr("empty");
        float32_ = numpy.attr("dtype")("float32");
        shape_ = nb::make_tuple(stream_.rows(), stream_.outputs());
        shape_of_row_ = nb::make_tuple(stream_.outputs());
    }

    // An array for an array, a tensor for a tensor.
    [[nodiscard]] nb::object empty_like(nb::handle x, nb::handle shape) const {
        return PyObject_CheckBuffer(x.ptr()) != 0 ? empty_(shape, float32_) : x.attr("new_empty")(shape);
    }

    void check_idle() const {
        if (is_stepping_) {
            throw std::runtime_error("This stream is stepping in another thread. Give each thread a fork of its own.");
        }
    }

    void run(const float* x, float* out) {
        check_idle();
        if (packed_.work * stream_.rows() < kWorkWorthReleasing) {
            stream_.step(x, out);
            return;
        }
        is_stepping_ = true;
        {
            const nb::gil_scoped_release release;
            stream_.step(x, out);
        }
        is_stepping_ = false;
    }

    Packed packed_;
    core::Stream stream_;
    bool is_stepping_ = false;
    nb::object empty_, float32_, shape_, shape_of_row_;
};

}  // namespace

void recurra::binding::define_stream(nb::module_& module) {
    nb::class_<Stream>(module, "Stream")
        .def(
            "__init__",
            [](Stream* self, const std::vector<LayerArgs>& layers, std::int64_t rows) {
                new (self) Stream(pack(layers), Stream::at_least_one(rows));
            },
            nb::arg("layers"), nb::arg("rows") = 1)
        .def("step", &Stream::step, nb::arg("x"), nb::arg("out") = nb::none())
        .def("state", &Stream::state)
        .def("restore", &Stream::restore, nb::arg("state"))
        .def("reset", &Stream::reset)
        .def("fork", &Stream::fork)
        .def("anew", &Stream::anew, nb::arg("rows") = 1)
        .def_prop_ro("rows", &Stream::rows)
        .def_prop_ro("input_size", &Stream::input_size)
        .def_prop_ro("output_size", &Stream::output_size);
}
