// Networks as instructions: what they compute is checked from Python, against torch; here that they touch nothing else,
// that rows don't touch each other, and that what doesn't fit is refused.

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/linear.hpp"
#include "core/program.hpp"
#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)
using core::Instruction;
using core::Kind;
using core::Value;

constexpr std::int64_t kTime = 5;
constexpr std::int64_t kWidth = 3;
constexpr std::int64_t kHidden = 7;

std::vector<float> random_floats(std::int64_t size, std::uint64_t seed) {
    std::vector<float> all;
    for (std::int64_t i = 0; i < size; ++i) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        all.push_back(static_cast<float>(seed >> 40U) / static_cast<float>(1U << 23U) - 1.0F);
    }
    return all;
}

std::shared_ptr<const core::Stack> a_stack(Cell cell) {
    const Case c{.cell = cell, .time = 1, .rows = 1, .features = kWidth, .hidden = kHidden};
    const Problem p = make_problem(c);
    const core::Layer layer = layer_of(p);
    const core::AnyWeights weights = weights_of(p);
    return core::make_stack(std::span(&layer, 1), std::span(&weights, 1));
}

// Centred on its mean (where it goes on from a state, moved by a number), through a stack, an affine map and a sort:
// (time, 3) to (time, 1, 4).
core::Program network(std::int64_t time, bool keeps_state, Cell cell) {
    std::vector<Value> values;
    std::vector<Instruction> instructions;
    const auto value = [&](std::int64_t d0, std::int64_t d1, std::int64_t d2 = 1) {
        values.push_back({.dims = {d0, d1, d2}});
        return static_cast<std::int32_t>(values.size() - 1);
    };
    const std::int32_t x = value(time, kWidth);
    values.back().place = Value::Place::kInput;
    const std::int32_t share = value(1, 1);
    values.back().place = Value::Place::kConstant;
    values.back().constant = {1.0F / static_cast<float>(kTime)};
    const std::int32_t sum = value(1, kWidth);
    instructions.push_back({.kind = Kind::kSum, .out = sum, .in = {x}});
    const std::int32_t mean = value(1, kWidth);
    instructions.push_back({.kind = Kind::kMultiply, .out = mean, .in = {sum, share}});
    const std::int32_t centred = value(time, kWidth);
    instructions.push_back({.kind = Kind::kSubtract, .out = centred, .in = {x, keeps_state ? share : mean}});
    const std::int32_t hidden = value(time, kHidden);
    instructions.push_back(
        {.kind = Kind::kRun, .out = hidden, .in = {centred}, .stack = a_stack(cell), .state = keeps_state ? 0 : -1});
    const std::int32_t outcome = value(time, 4);
    const std::vector<float> weight = random_floats(4 * kHidden, 8);
    instructions.push_back({.kind = Kind::kLinear,
                            .out = outcome,
                            .in = {hidden},
                            .linear = std::make_shared<const core::Linear>(weight.data(), nullptr, 4, kHidden)});
    const std::int32_t view = value(time, 1, 4);
    values.back().place = Value::Place::kSame;
    values.back().number = outcome;
    const std::int32_t sorted = value(time, 1, 4);
    instructions.push_back({.kind = Kind::kSort, .out = sorted, .in = {view}});
    return {std::move(values), std::move(instructions), {sorted}};
}

std::vector<float> answers(const core::Program& program, std::int64_t rows, const std::vector<float>& x,
                           float* const* states = nullptr) {
    Buffer out(rows * program.output(0).size(), 1);
    const float* const inputs[] = {x.data()};
    float* const outputs[] = {out.data()};
    program.run(rows, inputs, outputs, states);
    EXPECT(out.guards_hold());
    return {out.values().begin(), out.values().end()};
}

void rows_do_not_touch_each_other() {
    for (const Cell cell : kCells) {
        each_instruction_set([&] {
            const core::Program program = network(kTime, false, cell);
            constexpr std::int64_t kRows = 600;  // more than run at once
            std::vector<float> x = random_floats(kRows * kTime * kWidth, 3);
            const std::vector<float> all = answers(program, kRows, x);
            const std::int64_t size = program.output(0).size();
            for (const std::int64_t row : {0, 1, 255, 256, 599}) {
                const auto begin = x.begin() + row * kTime * kWidth;
                const std::vector<float> own(begin, begin + kTime * kWidth);
                const auto there = all.begin() + row * size;
                expect_same_bits("a row alone", answers(program, 1, own), {there, there + size});
            }
            x[4] = std::numeric_limits<float>::quiet_NaN();
            const std::vector<float> poisoned = answers(program, kRows, x);
            expect_same_bits("beside a NaN", {poisoned.begin() + size, poisoned.end()},
                             {all.begin() + size, all.end()});
        });
    }
}

void steps_are_the_chunk() {
    for (const Cell cell : kCells) {
        each_instruction_set([&] {
            const core::Program step = network(1, true, cell);
            const core::Program chunk = network(kTime, true, cell);
            const std::vector<float> x = random_floats(kTime * kWidth, 5);
            std::vector<float> stepped(static_cast<std::size_t>(step.state_size()));
            std::vector<float> at_once = stepped;
            float* const one[] = {stepped.data()};
            float* const other[] = {at_once.data()};
            const std::vector<float> all = answers(chunk, 1, x, other);
            std::vector<float> each;
            for (std::int64_t t = 0; t < kTime; ++t) {
                const auto begin = x.begin() + t * kWidth;
                const std::vector<float> answer = answers(step, 1, {begin, begin + kWidth}, one);
                each.insert(each.end(), answer.begin(), answer.end());
            }
            expect_same_bits("steps", each, all);
            expect_same_bits("state", stepped, at_once);
        });
    }
}

// One step of a cell for each of five positions, from a state of (states, H).
std::vector<float> cells(Cell cell, std::int64_t states, std::int64_t rows, const std::vector<float>& x,
                         const std::vector<float>& h) {
    const core::Program program({{.dims = {kTime, kWidth, 1}, .place = Value::Place::kInput},
                                 {.dims = {states, kHidden, 1}, .place = Value::Place::kInput, .number = 1},
                                 {.dims = {kTime, kHidden, 1}}},
                                {{.kind = Kind::kCell, .out = 2, .in = {0, 1}, .stack = a_stack(cell)}}, {2});
    Buffer out(rows * program.output(0).size(), 1);
    const float* const inputs[] = {x.data(), h.data()};
    float* const outputs[] = {out.data()};
    program.run(rows, inputs, outputs, nullptr);
    EXPECT(out.guards_hold());
    return {out.values().begin(), out.values().end()};
}

void positions_that_share_a_state_are_as_if_each_had_it() {
    constexpr std::int64_t kRows = 3;
    for (const Cell cell : kCells) {
        each_instruction_set([&] {
            const std::vector<float> x = random_floats(kRows * kTime * kWidth, 3);
            const std::vector<float> h = random_floats(kRows * kHidden, 4);
            std::vector<float> copies;
            for (std::int64_t row = 0; row < kRows; ++row) {
                const auto own = h.begin() + row * kHidden;
                for (std::int64_t i = 0; i < kTime; ++i) copies.insert(copies.end(), own, own + kHidden);
            }
            const std::vector<float> shared = cells(cell, 1, kRows, x, h);
            const std::vector<float> each = cells(cell, kTime, kRows, x, copies);
            for (std::size_t i = 0; i < each.size(); ++i) EXPECT(std::abs(shared[i] - each[i]) < 1e-6F);
            const std::vector<float> last =
                cells(cell, 1, 1, {x.end() - kTime * kWidth, x.end()}, {h.end() - kHidden, h.end()});
            expect_same_bits("a row alone", last, {shared.end() - kTime * kHidden, shared.end()});
        });
    }
}

void threads_share_a_program() {
    const core::Program program = network(kTime, false, Cell::kLstm);
    const std::vector<float> x = random_floats(kTime * kWidth, 9);
    const std::vector<float> expected = answers(program, 1, x);
    std::vector<std::thread> threads;
    std::vector<std::vector<float>> found(4);
    threads.reserve(found.size());
    for (std::vector<float>& one : found) {
        threads.emplace_back([&program, &x, &one] {
            Buffer out(program.output(0).size(), 1);
            const float* const inputs[] = {x.data()};
            float* const outputs[] = {out.data()};
            for (int i = 0; i < 50; ++i) program.run(1, inputs, outputs, nullptr);
            one.assign(out.values().begin(), out.values().end());
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::vector<float>& one : found) expect_same_bits("in a thread", one, expected);
}

void what_does_not_fit_is_refused() {
    const auto refused = [](std::vector<Value> values, std::vector<Instruction> instructions,
                            std::vector<std::int32_t> outputs) {
        try {
            const core::Program program(std::move(values), std::move(instructions), std::move(outputs));
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    const Value x{.dims = {2, 3, 1}, .place = Value::Place::kInput};
    const Value y{.dims = {2, 4, 1}};
    const Value same{.dims = {2, 3, 1}};
    EXPECT(!refused({x, same}, {{.kind = Kind::kRelu, .out = 1, .in = {0}}}, {1}));
    EXPECT(refused({x, y}, {{.kind = Kind::kRelu, .out = 1, .in = {0}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kAdd, .out = 1, .in = {0}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kRelu, .out = 1, .in = {1}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kRelu, .out = 0, .in = {0}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kRelu, .out = 1, .in = {7}}}, {1}));
    EXPECT(refused({x, same}, {}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kLinear, .out = 1, .in = {0}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kRun, .out = 1, .in = {0}}}, {1}));
    EXPECT(refused({x, same}, {{.kind = Kind::kSlice, .out = 1, .in = {0}, .from = 1}}, {1}));
    EXPECT(refused({{.dims = {1, 2, 1}, .place = Value::Place::kConstant, .constant = {1}}}, {}, {0}));
    EXPECT(refused({{.dims = {1, -2, 1}}}, {}, {}));
}

}  // namespace

int main(int argc, char** argv) {
    const Test tests[] = {TEST(rows_do_not_touch_each_other), TEST(steps_are_the_chunk),
                          TEST(positions_that_share_a_state_are_as_if_each_had_it), TEST(threads_share_a_program),
                          TEST(what_does_not_fit_is_refused)};
    return run_tests(tests, {argv + 1, static_cast<std::size_t>(argc - 1)});
}
