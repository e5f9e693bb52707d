// Streams: single steps of a stack, against `forward` bit by bit.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kTime = 6;

// Layers on top of each other, and their input.
struct Tower {
    std::vector<Problem> layers;
    std::int64_t rows = 0;
};

Tower make_tower(const std::vector<Cell>& cells, std::int64_t rows, std::int64_t hidden, unsigned nulls = 0,
                 float scale = 1) {
    Tower tower{.layers = {}, .rows = rows};
    std::int64_t features = 5;
    for (const Cell cell : cells) {
        Case c{.cell = cell, .time = kTime, .rows = rows, .features = features, .hidden = hidden};
        c.nulls = kNoH0 | kNoC0 | nulls;
        c.seed = 31 + static_cast<std::uint64_t>(hidden);
        c.scale = scale;
        tower.layers.push_back(make_problem(c));
        features = hidden++;  // each layer is wider than the one before
    }
    return tower;
}

std::shared_ptr<const core::Stack> stack_of(const Tower& tower) {
    std::vector<core::Layer> layers;
    std::vector<core::AnyWeights> weights;
    for (const Problem& p : tower.layers) {
        layers.push_back(layer_of(p));
        weights.emplace_back(weights_of(p));
    }
    return core::make_stack(layers, weights);
}

struct Whole {
    std::vector<float> out;    // (T, B, H)
    std::vector<float> state;  // after the last step, as a stream gives it
};

Whole whole_of(const Tower& tower) {
    Whole whole;
    const std::vector<float> first(tower.layers[0].x.buffer.values().begin(), tower.layers[0].x.buffer.values().end());
    whole.out = first;
    for (Problem p : tower.layers) {
        std::ranges::copy(whole.out, p.x.buffer.data());
        const Results r = run(p, {.threads = 1, .trains = false});
        whole.out.assign(r.out.buffer.values().begin(), r.out.buffer.values().end());
        whole.state.insert(whole.state.end(), r.h_n.values().begin(), r.h_n.values().end());
        if (core::has_memory(p.of.cell)) {
            whole.state.insert(whole.state.end(), r.c_n.values().begin(), r.c_n.values().end());
        }
    }
    return whole;
}

std::vector<float> step(const Tower& tower, core::Stream& stream, std::int64_t t) {
    Buffer out(stream.rows() * stream.outputs(), 1);
    stream.step(tower.layers[0].x.buffer.data() + t * stream.rows() * stream.features(), out.data());
    EXPECT(out.guards_hold());
    return {out.values().begin(), out.values().end()};
}

std::vector<float> steps(const Tower& tower, core::Stream& stream, std::int64_t first, std::int64_t last) {
    std::vector<float> all;
    for (std::int64_t t = first; t < last; ++t) {
        const std::vector<float> out = step(tower, stream, t);
        all.insert(all.end(), out.begin(), out.end());
    }
    return all;
}

std::vector<float> state_of(const core::Stream& stream) {
    Buffer state(static_cast<std::int64_t>(stream.state_size()), 1);
    stream.get_state(state.data());
    EXPECT(state.guards_hold());
    return {state.values().begin(), state.values().end()};
}

std::vector<std::vector<Cell>> stacks() {
    std::vector<std::vector<Cell>> all = {{Cell::kLstm, Cell::kLstm}};
    for (const Cell cell : kCells) all.insert(all.end(), {cell});
    all.push_back({Cell::kRnnRelu, Cell::kGruResetAfter, Cell::kGruResetBefore, Cell::kPeepholeLstm});
    return all;
}

void steps_equal_the_whole() {
    for (const auto& cells : stacks()) {
        for (const std::int64_t rows : {1, 2, 7, 17}) {
            for (const std::int64_t hidden : {1, 15, 16, 33}) {
                for (const unsigned nulls : {0U, kNoBiasIh, kNoBiasHh, kNoBiasIh | kNoBiasHh}) {
                    for (const float scale : {1.F, 1e-39F}) {
                        const Tower tower = make_tower(cells, rows, hidden, nulls, scale);
                        current_case = describe(tower.layers.back().of) + " of " + std::to_string(cells.size()) +
                                       (scale < 1 ? " denormal" : "");
                        each_instruction_set([&] {
                            const Whole whole = whole_of(tower);
                            core::Stream stream(stack_of(tower), rows);
                            expect_same_bits("steps", steps(tower, stream, 0, kTime), whole.out);
                            expect_same_bits("state", state_of(stream), whole.state);
                        });
                    }
                }
            }
        }
    }
}

void says_what_it_is() {
    const Tower tower = make_tower({Cell::kLstm, Cell::kGruResetBefore, Cell::kPeepholeLstm}, 3, 7);
    const core::Stream stream(stack_of(tower), 3);
    EXPECT(stream.rows() == 3);
    EXPECT(stream.features() == 5);
    EXPECT(stream.outputs() == 9);
    EXPECT(stream.state_size() == static_cast<std::size_t>(3 * (7 + 7 + 8 + 9 + 9)));
    EXPECT(std::ranges::all_of(state_of(stream), [](float value) { return value == 0; }));
}

void states_are_kept_and_given_back() {
    for (const auto& cells : stacks()) {
        const Tower tower = make_tower(cells, 3, 9);
        current_case = describe(tower.layers.back().of);
        each_instruction_set([&] {
            const std::vector<float> out = whole_of(tower).out;
            core::Stream stream(stack_of(tower), 3);
            steps(tower, stream, 0, 2);
            const std::vector<float> kept = state_of(stream);
            const std::vector<float> rest = steps(tower, stream, 2, kTime);
            stream.set_state(kept.data());
            expect_same_bits("state", state_of(stream), kept);
            expect_same_bits("steps after set_state", steps(tower, stream, 2, kTime), rest);
            stream.reset();
            expect_same_bits("steps after reset", steps(tower, stream, 0, kTime), out);
            core::Stream elsewhere(stack_of(tower), 3);
            elsewhere.set_state(kept.data());
            expect_same_bits("steps elsewhere", steps(tower, elsewhere, 2, kTime), rest);
        });
    }
}

void a_fork_goes_its_own_way() {
    for (const auto& cells : stacks()) {
        const Tower tower = make_tower(cells, 2, 9);
        const std::vector<float> out = whole_of(tower).out;
        core::Stream stream(stack_of(tower), 2);
        const std::vector<float> start = steps(tower, stream, 0, 3);
        core::Stream fork(stream);
        const std::vector<float> forked = state_of(fork);
        expect_same_bits("state of the fork", forked, state_of(stream));
        std::vector<float> all = start;
        const std::vector<float> rest = steps(tower, stream, 3, kTime);
        all.insert(all.end(), rest.begin(), rest.end());
        expect_same_bits("steps beside a fork", all, out);
        expect_same_bits("state of the fork, untouched", state_of(fork), forked);
        step(tower, fork, 0);  // another way
        fork.set_state(forked.data());
        core::Stream moved(std::move(fork));
        expect_same_bits("steps of the moved fork", steps(tower, moved, 3, kTime), rest);
    }
}

// Weights are copied, and a stack lives as long as its last stream.
void streams_own_what_they_need() {
    Tower tower = make_tower({Cell::kGruResetAfter, Cell::kGruResetBefore, Cell::kPeepholeLstm}, 2, 9);
    const std::vector<float> out = whole_of(tower).out;
    auto stack = stack_of(tower);
    core::Stream stream(stack, 2);
    for (Problem& p : tower.layers) {
        for (Buffer* buffer : {&p.w_ih, &p.w_hh, &p.b_ih, &p.b_hh, &p.peephole}) {
            std::ranges::fill(buffer->values(), kNaN);
        }
    }
    stack.reset();
    expect_same_bits("steps", steps(tower, stream, 0, kTime), out);
}

void a_sick_row_is_alone() {
    for (const auto& cells : stacks()) {
        const Tower tower = make_tower(cells, 3, 9);
        each_instruction_set([&] {
            core::Stream well(stack_of(tower), 3);
            core::Stream ill(stack_of(tower), 3);
            std::vector<float> state = state_of(ill);
            state[9] = kNaN;  // h of row 1, in the first layer
            ill.set_state(state.data());
            for (std::int64_t t = 0; t < kTime; ++t) {
                const std::vector<float> one = step(tower, well, t);
                const std::vector<float> other = step(tower, ill, t);
                const std::size_t width = one.size() / 3;
                for (const std::size_t row : {std::size_t{0}, std::size_t{2}}) {
                    expect_same_bits("a row beside NaN", std::span(one).subspan(row * width, width),
                                     std::span(other).subspan(row * width, width));
                }
                EXPECT(std::isnan(other[width]));
            }
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(steps_equal_the_whole),          TEST(says_what_it_is),
        TEST(states_are_kept_and_given_back), TEST(a_fork_goes_its_own_way),
        TEST(streams_own_what_they_need),     TEST(a_sick_row_is_alone),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
