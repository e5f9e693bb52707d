// A stack of layers, step by step. At a microsecond a step, what stands around it counts: arrays come in through the
// buffer protocol, and what the answer is made of is kept ready.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "binding/binding.hpp"
#include "binding/cells.hpp"
#include "core/recurrent.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
// cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_peephole
using LayerArgs =
    std::tuple<std::string_view, Matrix, Matrix, std::optional<Vector>, std::optional<Vector>, std::optional<Vector>>;

void expect(bool is_so, const std::string& otherwise) {
    if (!is_so) {
        throw nb::value_error(otherwise.c_str());
    }
}

core::Layer layer_of(const LayerArgs& args) {
    const Matrix& w_ih = std::get<1>(args);
    const Matrix& w_hh = std::get<2>(args);
    const core::Layer layer{.cell = recurra::binding::cell_named(std::get<0>(args)),
                            .features = static_cast<std::int64_t>(w_ih.shape(1)),
                            .hidden = static_cast<std::int64_t>(w_hh.shape(1))};
    const auto gates = static_cast<std::size_t>(core::gates_of(layer.cell) * layer.hidden);
    expect(layer.hidden >= 1 && layer.features >= 1 && w_hh.shape(0) == gates && w_ih.shape(0) == gates,
           "weight_ih must be (gates, features) and weight_hh (gates, hidden), gates being 1, 3 or 4 times hidden.");
    return layer;
}

const float* data_of(const std::optional<Vector>& vector, std::int64_t size, const std::string& name) {
    expect(!vector || static_cast<std::int64_t>(vector->shape(0)) == size,
           name + " has a size that does not fit weight_hh.");
    return vector ? vector->data() : nullptr;
}

core::Weights weights_of(const LayerArgs& args, const core::Layer& layer) {
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

Packed pack(const std::vector<LayerArgs>& args) {
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

// The floats of a numpy array, or of a tensor, which shows its memory as one.
class Floats {
  public:
    Floats(nb::handle holder, int access) {
        const bool is_array = PyObject_CheckBuffer(holder.ptr()) != 0;
        if (!is_array && !nb::hasattr(holder, "numpy")) {
            throw nb::type_error("A stream reads and writes numpy arrays and torch tensors.");
        }
        const nb::object array = is_array ? nb::borrow(holder) : holder.attr("numpy")();
        if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | access) != 0) {
            throw nb::python_error();
        }
    }
    ~Floats() { PyBuffer_Release(&buffer_); }
    Floats(const Floats&) = delete;
    Floats(Floats&&) = delete;
    Floats& operator=(const Floats&) = delete;
    Floats& operator=(Floats&&) = delete;

    [[nodiscard]] float* data() const noexcept { return static_cast<float*>(buffer_.buf); }
    [[nodiscard]] bool is_flat() const noexcept { return buffer_.ndim == 1; }

    // (rows, width), or (width) where there is one row.
    void check(const char* name, std::int64_t rows, std::int64_t width) const {
        const bool is_float = std::strcmp(buffer_.format, "f") == 0;
        const bool fits = is_flat() ? rows == 1 && buffer_.shape[0] == width
                                    : buffer_.ndim == 2 && buffer_.shape[0] == rows && buffer_.shape[1] == width;
        if (!is_float || !fits) {
            throw nb::value_error(expected(name, rows, width).c_str());
        }
    }
    void check(const char* name, std::int64_t size) const {
        if (std::strcmp(buffer_.format, "f") != 0 || !is_flat() || buffer_.shape[0] != size) {
            throw nb::value_error(expected(name, 1, size).c_str());
        }
    }

  private:
    [[nodiscard]] std::string expected(const char* name, std::int64_t rows, std::int64_t width) const {
        std::string shape;
        for (int axis = 0; axis < buffer_.ndim; ++axis) {
            shape += (axis == 0 ? "" : ", ") + std::to_string(buffer_.shape[axis]);
        }
        return std::string(name) + " has shape (" + shape + ") and format '" + buffer_.format +
               "'; expected float32 of shape (" + std::to_string(rows) + ", " + std::to_string(width) + ")" +
               (rows == 1 ? " or (" + std::to_string(width) + ")." : ".");
    }

    Py_buffer buffer_{};
};

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
