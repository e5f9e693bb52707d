// Whole networks, their weights, and the state of a sequence. A call takes some microseconds, so what stands around it
// counts: arrays come in through the buffer protocol.

#include "core/program.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "binding/binding.hpp"
#include "binding/bound.hpp"
#include "binding/floats.hpp"
#include "binding/layers.hpp"
#include "core/drawing.hpp"

namespace nb = nanobind;
namespace core = recurra::core;

namespace {

using recurra::binding::Bound;
using recurra::binding::expect;
using recurra::binding::Floats;
using recurra::binding::kWorkWorthReleasing;
using recurra::binding::LayerArgs;
using recurra::binding::Matrix;
using recurra::binding::Vector;

// What Python holds of a stack and of a linear map: something to name in an instruction.
struct Stack {
    std::shared_ptr<const core::Stack> core;
};
struct Linear {
    std::shared_ptr<const core::Linear> core;
};
struct Constant {
    core::Constant core;
};

// The numbers of one sequence.
class State {
  public:
    explicit State(std::size_t size) : numbers_(size, 0.0F) {}
    State(const State& other) : numbers_(other.numbers_) { other.check_idle(); }
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;
    ~State() = default;

    void check_idle() const {
        if (busy_.load(std::memory_order_relaxed)) {
            throw std::runtime_error("This state is stepping already, here or in another thread. Fork it first.");
        }
    }
    void set_busy(bool busy) noexcept { busy_.store(busy, std::memory_order_relaxed); }
    [[nodiscard]] std::vector<float>& numbers() noexcept { return numbers_; }
    [[nodiscard]] const std::vector<float>& numbers() const noexcept { return numbers_; }

  private:
    std::vector<float> numbers_;
    std::atomic<bool> busy_{false};
};

constexpr std::array<std::pair<std::string_view, core::Kind>, 25> kKinds{{
    {"add", core::Kind::kAdd},
    {"subtract", core::Kind::kSubtract},
    {"multiply", core::Kind::kMultiply},
    {"divide", core::Kind::kDivide},
    {"maximum", core::Kind::kMaximum},
    {"clip", core::Kind::kClip},
    {"relu", core::Kind::kRelu},
    {"tanh", core::Kind::kTanh},
    {"gelu", core::Kind::kGelu},
    {"abs", core::Kind::kAbs},
    {"sqrt", core::Kind::kSqrt},
    {"sum", core::Kind::kSum},
    {"last", core::Kind::kLast},
    {"concatenate", core::Kind::kConcatenate},
    {"slice", core::Kind::kSlice},
    {"transpose", core::Kind::kTranspose},
    {"gather", core::Kind::kGather},
    {"linear", core::Kind::kLinear},
    {"sort", core::Kind::kSort},
    {"run", core::Kind::kRun},
    {"cell", core::Kind::kCell},
    {"pool", core::Kind::kPool},
    {"paths", core::Kind::kPaths},
    {"spell", core::Kind::kSpell},
    {"log_softmax", core::Kind::kLogSoftmax},
}};

core::Kind kind_named(std::string_view name) {
    for (const auto& [known, kind] : kKinds) {
        if (known == name) return kind;
    }
    throw nb::value_error("There is no instruction of this name.");
}

using Dims = std::array<std::int64_t, 3>;
// axes, then an input's number, a constant, or the value of which this is a view; all None: computed
using ValueArgs = std::tuple<Dims, std::optional<std::int32_t>, std::optional<Constant>, std::optional<std::int32_t>>;
// kind, out, in, {axis, from, state}, {a, b}, stack or linear map
using InstructionArgs =
    std::tuple<std::string_view, std::int32_t, std::vector<std::int32_t>, Dims, std::array<float, 2>, nb::object>;

// a value, and the shape in which it is given for each row
using OutputArgs = std::tuple<std::int32_t, std::vector<std::int64_t>>;

core::Value value_of(const ValueArgs& args) {
    const auto& [dims, input, constant, same] = args;
    core::Value value{.dims = dims};
    if (input) {
        value.place = core::Value::Place::kInput;
        value.number = *input;
    } else if (constant) {
        value.place = core::Value::Place::kConstant;
        value.constant = constant->core;
    } else if (same) {
        value.place = core::Value::Place::kSame;
        value.number = *same;
    }
    return value;
}

core::Instruction instruction_of(const InstructionArgs& args) {
    const auto& [kind, out, in, whole, real, weights] = args;
    core::Instruction it{.kind = kind_named(kind),
                         .out = out,
                         .in = in,
                         .axis = whole[0],
                         .from = whole[1],
                         .a = real[0],
                         .b = real[1],
                         .state = whole[2]};
    if (nb::isinstance<Stack>(weights)) it.stack = nb::cast<const Stack&>(weights).core;
    if (nb::isinstance<Linear>(weights)) it.linear = nb::cast<const Linear&>(weights).core;
    return it;
}

class Program {
  public:
    Program(const std::vector<ValueArgs>& values, const std::vector<InstructionArgs>& instructions,
            const std::vector<OutputArgs>& outputs)
        : program_(make(values, instructions, outputs)) {
        expect(program_.num_inputs() <= static_cast<std::int64_t>(kMost) && outputs.size() <= kMost,
               "A network has 24 inputs and outputs at most.");
        for (const auto& [value, shape] : outputs) {
            std::int64_t size = 1;
            for (const std::int64_t axis : shape) size *= axis;
            expect(size == program_.output(static_cast<std::int64_t>(shapes_.size())).size(),
                   "An output has another size than its shape.");
            shapes_.push_back(shape);
            shapes_of_one_.append(shape_of(static_cast<std::int64_t>(shapes_.size()) - 1, 1));
        }
        if (!shapes_.empty()) {
            nb::list row;
            for (const std::int64_t axis : shapes_.front()) row.append(axis);
            row_shape_ = nb::tuple(row);
        }
        empty_ = nb::module_::import_("numpy").attr("empty");
        float32_ = nb::module_::import_("numpy").attr("dtype")("float32");
    }

    // inputs[i] is a float32 array of `rows` times the size of input i; states, if any, one for each row.
    nb::list run(const nb::list& inputs, std::int64_t rows, nb::handle states, int threads) {
        expect(static_cast<std::int64_t>(inputs.size()) == program_.num_inputs() && rows >= 0,
               "The network has another number of inputs.");
        std::array<std::optional<Floats>, kMost> given;
        std::array<const float*, kMost> from{};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            given[i].emplace(inputs[i], PyBUF_SIMPLE);
            given[i]->check_size("An input", rows * program_.input_size(static_cast<std::int64_t>(i)));
            from[i] = given[i]->data();
        }
        const Stepping stepping(states, program_.state_size());
        expect(program_.state_size() == 0 || stepping.rows() == rows, "A network with a state wants one for each row.");
        nb::list answers;
        std::array<std::optional<Floats>, kMost> taken;
        std::array<float*, kMost> to{};
        for (std::int64_t i = 0; i < program_.num_outputs(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            const nb::object answer = empty_(rows == 1 ? shapes_of_one_[i] : shape_of(i, rows), float32_);
            answers.append(answer);
            taken[at].emplace(answer, PyBUF_WRITABLE);
            to[at] = taken[at]->data();
        }
        if (program_.work() * rows < kWorkWorthReleasing) {
            program_.run(rows, from.data(), to.data(), stepping.numbers());
        } else {
            const nb::gil_scoped_release release;
            program_.run(rows, from.data(), to.data(), stepping.numbers(), threads);
        }
        return answers;
    }

    using Codes = nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>>;
    using Doubles = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

    // As core::generate.
    std::pair<Codes, Doubles> generate(nb::handle answer, State& state,
                                       nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu> uniforms,
                                       double temperature, std::int64_t top_k, double top_p,
                                       const std::vector<std::int32_t>& barred) {
        expect(program_.num_inputs() == 1 && program_.num_outputs() == 1 && program_.input_size(0) == 1,
               "Only a network of one code generates.");
        const std::int64_t categories = program_.output(0).size();
        const Floats given(answer, PyBUF_WRITABLE);
        given.check_size("The answer", categories);
        expect(temperature >= 0 && temperature <= 1e6, "The temperature lies between 0 and 1,000,000.");
        expect(top_k >= 0 && top_p > 0 && top_p <= 1, "top_k is at least 0, and top_p above 0 and at most 1.");
        std::vector<bool> is_barred(static_cast<std::size_t>(categories), false);
        for (const std::int32_t code : barred) {
            expect(code >= 0 && code < categories, "A barred code is none of the network's.");
            is_barred[static_cast<std::size_t>(code)] = true;
        }
        expect(std::find(is_barred.begin(), is_barred.end(), false) != is_barred.end(), "All codes are barred.");
        const std::span<const double> numbers{uniforms.data(), uniforms.size()};
        expect(std::all_of(numbers.begin(), numbers.end(), [](double u) { return u >= 0 && u < 1; }),
               "Uniform numbers are at least 0 and below 1.");
        auto codes = std::make_unique<std::int32_t[]>(numbers.size());
        auto bits = std::make_unique<double[]>(numbers.size());
        const Held held(state, program_.state_size());
        const core::Drawing how{.temperature = temperature, .top_k = top_k, .top_p = top_p, .barred = barred};
        {
            const nb::gil_scoped_release release;
            core::generate(program_, how, numbers, given.data(), held.numbers(), codes.get(), bits.get());
        }
        return {owned<Codes>(std::move(codes), numbers.size()), owned<Doubles>(std::move(bits), numbers.size())};
    }

    // The same of one row, one input and one output, without lists around them; the output without its first axis.
    nb::object step(nb::handle input, State& state) {
        expect(program_.num_inputs() == 1 && program_.num_outputs() == 1, "Only a network of one input steps so.");
        const Floats given(input, PyBUF_SIMPLE);
        given.check_size("The input", program_.input_size(0));
        const Held held(state, program_.state_size());
        nb::object answer = empty_(row_shape_, float32_);
        const Floats taken(answer, PyBUF_WRITABLE);
        const float* const from = given.data();
        float* const to = taken.data();
        float* const numbers = state.numbers().data();
        if (program_.work() < kWorkWorthReleasing) {
            program_.run(1, &from, &to, &numbers);
        } else {
            const nb::gil_scoped_release release;
            program_.run(1, &from, &to, &numbers);
        }
        return answer;
    }

    [[nodiscard]] const core::Program& core() const noexcept { return program_; }

  private:
    // A numpy array that frees its numbers.
    template <class Array, class Number>
    static Array owned(std::unique_ptr<Number[]> numbers, std::size_t size) {
        const nb::capsule owner(numbers.get(), [](void* data) noexcept { delete[] static_cast<Number*>(data); });
        return Array(numbers.release(), {size}, owner);
    }

    static constexpr std::size_t kMost = 24;  // inputs, and outputs

    // A state that steps: nobody else may use it meanwhile.
    class Held {
      public:
        Held(State& state, std::int64_t size) : state_(&state) {
            state.check_idle();
            expect(static_cast<std::int64_t>(state.numbers().size()) >= size,
                   "A state has another size than this network's.");
            state.set_busy(true);
        }
        Held(Held&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        Held& operator=(Held&&) = delete;
        ~Held() {
            if (state_ != nullptr) state_->set_busy(false);
        }
        [[nodiscard]] float* numbers() const noexcept { return state_->numbers().data(); }

      private:
        State* state_;
    };

    // The states of a call: one state twice would step twice from one place.
    class Stepping {
      public:
        Stepping(nb::handle states, std::int64_t size) {
            if (states.is_none()) return;
            const auto all = nb::borrow<nb::list>(states);
            held_.reserve(all.size());
            numbers_.reserve(all.size());
            for (const nb::handle one : all) {
                held_.emplace_back(*nb::cast<State*>(one), size);
                numbers_.push_back(held_.back().numbers());
            }
        }

        [[nodiscard]] std::int64_t rows() const noexcept { return static_cast<std::int64_t>(held_.size()); }
        [[nodiscard]] float* const* numbers() const noexcept { return held_.empty() ? nullptr : numbers_.data(); }

      private:
        std::vector<Held> held_;
        std::vector<float*> numbers_;
    };

    static core::Program make(const std::vector<ValueArgs>& values, const std::vector<InstructionArgs>& instructions,
                              const std::vector<OutputArgs>& outputs) {
        std::vector<std::int32_t> all_outputs;
        for (const auto& [value, shape] : outputs) all_outputs.push_back(value);
        std::vector<core::Value> all_values;
        for (const ValueArgs& one : values) all_values.push_back(value_of(one));
        std::vector<core::Instruction> all;
        for (const InstructionArgs& one : instructions) all.push_back(instruction_of(one));
        return {std::move(all_values), std::move(all), std::move(all_outputs)};
    }

    [[nodiscard]] nb::tuple shape_of(std::int64_t output, std::int64_t rows) const {
        nb::list shape;
        shape.append(rows);
        for (const std::int64_t axis : shapes_[static_cast<std::size_t>(output)]) shape.append(axis);
        return nb::tuple(shape);
    }

    core::Program program_;
    std::vector<std::vector<std::int64_t>> shapes_;
    nb::list shapes_of_one_;
    nb::object row_shape_, empty_, float32_;
};

}  // namespace

void recurra::binding::define_program(nb::module_& module) {
    nb::class_<Stack>(module, "Stack")
        .def(
            "__init__", [](Stack* self, const std::vector<LayerArgs>& layers) { new (self) Stack{pack(layers).stack}; },
            nb::arg("layers"))
        .def_prop_ro("state_size", [](const Stack& self) { return core::state_size(*self.core); });
    nb::class_<Linear>(module, "Linear")
        .def(
            "__init__",
            [](Linear* self, const AnyMatrix& weight, const std::optional<Vector>& bias) {
                const std::int64_t outputs = size_of(weight, 0);
                const std::int64_t inputs = size_of(weight, 1);
                expect(outputs >= 1 && inputs >= 1 && (!bias || static_cast<std::int64_t>(bias->shape(0)) == outputs),
                       "weight must be (outputs, inputs), both at least 1, and bias (outputs).");
                const float* const b = bias ? bias->data() : nullptr;
                const auto [bytes, scale] = bytes_of(weight);
                new (self) Linear{bytes == nullptr
                                      ? std::make_shared<const core::Linear>(floats_of(weight), b, outputs, inputs)
                                      : std::make_shared<const core::Linear>(bytes, scale, b, outputs, inputs)};
            },
            nb::arg("weight"), nb::arg("bias").none())
        .def_prop_ro("outputs", [](const Linear& self) { return self.core->outputs(); });
    nb::class_<Constant>(module, "Constant")
        .def(
            "__init__",
            [](Constant* self, const nb::ndarray<const float, nb::c_contig, nb::device::cpu>& numbers) {
                new (self) Constant{std::vector<float>(numbers.data(), numbers.data() + numbers.size())};
            },
            nb::arg("numbers"));
    nb::class_<State>(module, "State")
        .def(nb::init<std::size_t>(), nb::arg("size"))
        .def("copy", [](const State& self) { return std::make_unique<State>(self); })
        .def("read",
             [](const State& self, nb::handle into) {
                 self.check_idle();
                 const Floats to(into, PyBUF_WRITABLE);
                 to.check_size("into", static_cast<std::int64_t>(self.numbers().size()));
                 std::copy(self.numbers().begin(), self.numbers().end(), to.data());
             })
        .def("write",
             [](State& self, nb::handle numbers) {
                 self.check_idle();
                 const Floats from(numbers, PyBUF_SIMPLE);
                 from.check_size("numbers", static_cast<std::int64_t>(self.numbers().size()));
                 std::copy_n(from.data(), self.numbers().size(), self.numbers().begin());
             })
        .def_prop_ro("size", [](const State& self) { return self.numbers().size(); });
    nb::class_<Program>(module, "Program")
        .def(nb::init<const std::vector<ValueArgs>&, const std::vector<InstructionArgs>&,
                      const std::vector<OutputArgs>&>(),
             nb::arg("values"), nb::arg("instructions"), nb::arg("outputs"))
        .def("run", &Program::run, nb::arg("inputs"), nb::arg("rows"), nb::arg("states") = nb::none(),
             nb::arg("threads") = 1)
        .def("generate", &Program::generate, nb::arg("answer"), nb::arg("state"), nb::arg("uniforms"), nb::kw_only(),
             nb::arg("temperature") = 1.0, nb::arg("top_k") = 0, nb::arg("top_p") = 1.0,
             nb::arg("barred") = std::vector<std::int32_t>{})
        .def("step", &Program::step, nb::arg("input"), nb::arg("state"))
        .def(
            "bind",
            [](nb::object self, const nb::list& inputs, std::int64_t rows, const nb::list& outputs) {
                const core::Program& program = nb::cast<const Program&>(self).core();
                return std::make_unique<Bound>(std::move(self), program, inputs, rows, outputs);
            },
            nb::arg("inputs"), nb::arg("rows"), nb::arg("outputs"))
        .def_prop_ro("state_size", [](const Program& self) { return self.core().state_size(); });
    nb::class_<Bound>(module, "Bound").def("run", &Bound::run, nb::arg("at"));
}
