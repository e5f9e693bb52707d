// Where the values of a program lie, and whether its instructions fit them.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/arrays.hpp"
#include "core/linear.hpp"
#include "core/program.hpp"
#include "core/stack.hpp"

namespace recurra::core {

using arrays::at;
using arrays::broadcast;
using arrays::Index;

Program::Program(std::vector<Value> values, std::vector<Instruction> instructions, std::vector<std::int32_t> outputs)
    : values_(std::move(values)), instructions_(std::move(instructions)), outputs_(std::move(outputs)) {
    const auto expect = [](bool so, const std::string& what) {
        if (!so) throw std::invalid_argument(what);
    };
    const auto count = static_cast<std::int32_t>(values_.size());
    places_.assign(values_.size(), 0);
    std::vector<bool> written(values_.size(), false);
    for (std::int32_t v = 0; v < count; ++v) {
        const Value& value = values_[at(v)];
        expect(value.dims[0] >= 0 && value.dims[1] >= 0 && value.dims[2] >= 0, "an axis is negative");
        switch (value.place) {
            case Value::Place::kInput:
                if (at(value.number) >= input_sizes_.size()) input_sizes_.resize(at(value.number) + 1, 0);
                input_sizes_[at(value.number)] = value.size();
                written[at(v)] = true;
                break;
            case Value::Place::kConstant:
                expect(value.constant.size() == value.size(), "a constant has another size");
                written[at(v)] = true;
                break;
            case Value::Place::kSame:
                expect(value.number >= 0 && value.number < v && values_[at(value.number)].size() == value.size(),
                       "a view has another size than what it shows");
                break;
            case Value::Place::kComputed:
                places_[at(v)] = row_;
                row_ += (value.size() + 15) / 16 * 16;
                break;
        }
    }
    const auto is_written = [&](std::int32_t v) {
        expect(v >= 0 && v < count, "there is no such value");
        while (values_[at(v)].place == Value::Place::kSame) v = values_[at(v)].number;
        return static_cast<bool>(written[at(v)]);
    };
    for (const Instruction& it : instructions_) {
        expect(it.out >= 0 && it.out < count && values_[at(it.out)].place == Value::Place::kComputed &&
                   !written[at(it.out)],
               "an instruction must write a value of its own");
        for (const std::int32_t v : it.in) expect(is_written(v), "an instruction reads what isn't written yet");
        written[at(it.out)] = true;
        const auto& out = values_[at(it.out)].dims;
        const auto in = [&](std::size_t i) -> const std::array<Index, 3>& {
            expect(i < it.in.size(), "an instruction lacks a value to read");
            return values_[at(it.in[i])].dims;
        };
        const auto is_constant = [&](std::size_t i) { return values_[at(it.in[i])].place == Value::Place::kConstant; };
        std::array<Index, 3> strides{};
        bool fits = true;
        switch (it.kind) {
            case Kind::kAdd:
            case Kind::kSubtract:
            case Kind::kMultiply:
            case Kind::kDivide:
            case Kind::kMaximum:
                fits = broadcast(in(0), out, strides) && broadcast(in(1), out, strides);
                break;
            case Kind::kSum:
                fits = out[0] == 1 && out[1] == in(0)[1] && out[2] == in(0)[2];
                break;
            case Kind::kLast:
                fits = out[0] == 1 && out[1] == in(0)[1] && out[2] == in(0)[2] && in(0) == in(1);
                break;
            case Kind::kConcatenate: {
                Index width = 0;
                for (std::size_t i = 0; i < it.in.size(); ++i) {
                    fits = fits && (in(i)[0] == out[0] || in(i)[0] == 1) && in(i)[2] == out[2];
                    width += in(i)[1];
                }
                fits = fits && width == out[1];
                break;
            }
            case Kind::kSlice: {
                const std::size_t axis = it.axis == 0 ? 0 : 1;
                fits = out[2] == in(0)[2] && out[1 - axis] == in(0)[1 - axis] && it.from >= 0 &&
                       it.from + out[axis] <= in(0)[axis];
                break;
            }
            case Kind::kTranspose:
                fits = out[0] == in(0)[1] && out[1] == in(0)[0] && out[2] == 1 && in(0)[2] == 1;
                break;
            case Kind::kGather:
                fits = values_[at(it.in[0])].place == Value::Place::kConstant && in(0)[0] >= 1 && in(0)[1] == out[1] &&
                       in(1)[0] == out[0] && in(1)[2] == 1 && out[2] == 1 && it.from >= 0 && it.from < in(1)[1];
                break;
            case Kind::kLinear: {
                fits = it.linear != nullptr && values_[at(it.in[0])].size() % it.linear->inputs() == 0 &&
                       values_[at(it.in[0])].size() / it.linear->inputs() * it.linear->outputs() ==
                           values_[at(it.out)].size();
                if (fits) work_ += values_[at(it.in[0])].size() * it.linear->outputs();
                break;
            }
            case Kind::kRun:
            case Kind::kCell:
                fits = it.stack != nullptr && in(0)[1] == it.stack->features() && in(0)[0] == out[0] && in(0)[2] == 1 &&
                       out[1] == it.stack->outputs() && out[2] == 1;
                if (fits && it.kind == Kind::kCell) {
                    fits = it.stack->layers.size() == 1 &&
                           (in(1) == out || in(1) == std::array<Index, 3>{1, out[1], 1}) &&
                           values_[at(it.in[0])].place != Value::Place::kConstant;
                }
                if (fits && it.state >= 0) state_size_ = std::max(state_size_, it.state + it.stack->state_size());
                if (fits) {
                    const Stack& stack = *it.stack;
                    const Index steps = StackRows::floats(stack, it.kind == Kind::kCell ? in(0)[0] : 1);
                    const bool whole = it.kind == Kind::kRun && stack.runs_whole(in(0)[0]);
                    const Index wanted = whole ? stack.widest() * (4 + 2 * in(0)[0]) : steps;
                    scratch_row_ = std::max(scratch_row_, (wanted + 15) / 16 * 16);
                    for (const Stack::Packed& one : it.stack->layers) {
                        work_ += in(0)[0] * gates_of(one.layer.cell) * one.layer.hidden *
                                 (one.layer.features + one.layer.hidden);
                    }
                }
                break;
            case Kind::kPool:
                fits = it.axis >= 0 && it.axis <= 3 && out[0] == 1 && out[1] == in(0)[1] && out[2] == 1 &&
                       in(0)[2] == 1 && (it.axis == 2) == (it.in.size() == 2);
                if (fits && it.axis == 2) fits = in(1) == std::array<Index, 3>{in(0)[0], 1, 1};
                if (fits && it.state >= 0) state_size_ = std::max(state_size_, it.state + out[1] + 2);
                if (fits) work_ += values_[at(it.in[0])].size();
                break;
            case Kind::kPaths:
                fits = in(0) == out && out[1] >= 1 && out[2] == 1 && in(1) == std::array<Index, 3>{out[1], out[1], 1} &&
                       in(2) == std::array<Index, 3>{1, out[1], 1} && is_constant(1) && is_constant(2);
                if (fits && it.state >= 0) state_size_ = std::max(state_size_, it.state + out[1] + 1);
                if (fits) work_ += out[0] * out[1] * out[1];
                break;
            case Kind::kSpell:
                fits = out[0] == in(0)[0] && in(0)[2] == 1 && out[1] == in(1)[2] && out[2] == 1 && in(1)[0] % 2 == 1 &&
                       in(2) == std::array<Index, 3>{1, out[1], 1} && is_constant(1) && is_constant(2);
                if (fits) work_ += values_[at(it.in[0])].size() * in(1)[0] * out[1];
                scratch_row_ = std::max(scratch_row_, (out[1] + 15) / 16 * 16);
                break;
            case Kind::kLogSoftmax:
                fits = in(0) == out && (out[2] > 1 || out[1] >= 1);
                break;
            default:
                fits = in(0) == out;
        }
        expect(fits, "instruction for value " + std::to_string(it.out) + ": the axes don't fit");
        work_ += values_[at(it.out)].size();
    }
    for (const std::int32_t v : outputs_) expect(is_written(v), "an output isn't computed");
    look_codes_up();
}

// A stack that takes one step on the vector of a code: of not too many, what each gives is known beforehand.
void Program::look_codes_up() {
    constexpr Index kMost = 4096;
    for (Instruction& it : instructions_) {
        if (it.kind != Kind::kRun || values_[at(it.in[0])].dims[0] != 1) continue;
        const Stack::Packed& first = it.stack->layers.front();
        const auto gather = std::find_if(instructions_.begin(), instructions_.end(), [&](const Instruction& other) {
            return other.kind == Kind::kGather && other.out == shown(it.in[0]);
        });
        if (gather == instructions_.end() || first.input_gates == nullptr) continue;
        const Value& table = values_[at(gather->in[0])];
        if (table.dims[0] > kMost) continue;
        CodeGates known{.codes = gather->in[1],
                        .from = gather->from,
                        .categories = table.dims[0],
                        .row = first.gates_row(first.layer)};
        known.gates = zeros(static_cast<std::size_t>(known.categories * known.row));
        for (Index code = 0; code < known.categories; ++code) {
            const float* const vector = table.constant.data() + code * table.dims[1];
            first.input_gates(first.layer, first.weights.get(), vector, known.gates.get() + code * known.row);
        }
        it.code_gates = std::make_shared<const CodeGates>(std::move(known));
    }
}

}  // namespace recurra::core
