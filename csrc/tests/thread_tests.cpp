// Many threads, ours and the caller's: what the thread sanitizer looks at.

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

constexpr int kCallers = 3;

// Runs `call` on several threads of the caller's own at once, as data loaders and servers do.
template <class Call>
void at_once(Call call) {
    std::vector<std::thread> callers;
    callers.reserve(kCallers);
    for (int i = 0; i < kCallers; ++i) callers.emplace_back(call, i);
    for (std::thread& caller : callers) caller.join();
}

// The first call of all, before anything else made the choice.
void first_use_from_many_threads() {
    std::array<const char*, kCallers> names{};
    at_once([&names](int i) { names.at(i) = core::instruction_set(); });
    for (const char* name : names) EXPECT(name == names[0]);
}

// Much enough for five threads to have something to do: many rows, or few rows of many units.
constexpr Case kManyRows = {.time = 12, .rows = 40, .features = 5, .hidden = 64};
constexpr Case kFewRows = {.time = 40, .rows = 3, .features = 5, .hidden = 130, .kind = Rows::kLengths};
constexpr Case kOneRow = {.time = 20, .rows = 1, .features = 5, .hidden = 300};

// More threads than rows, than cores, than before.
void threads_share_rows_and_units() {
    for (const Cell cell : kCells) {
        for (Case c : {kManyRows, kFewRows, kOneRow}) {
            c.cell = cell;
            const Problem p = make_problem(c);
            current_case = describe(c);
            for (const bool recompute : {false, true}) {
                const Results alone = run(p, {.threads = 1, .recompute = recompute});
                for (const int threads : {2, 5, 3}) {
                    expect_same_results(alone, run(p, {.threads = threads, .recompute = recompute}));
                }
            }
        }
    }
}

// Where rows end at different steps, a thread's rows of one chunk of steps lie where another's of the next do. Threads
// are where they may meet only now and then, most often if they are more than cores: several turns.
void threads_keep_apart_from_chunk_to_chunk() {
    constexpr int kTurns = 6;
    for (const Cell cell : kCells) {
        Case c{.cell = cell, .time = 40, .rows = 32, .features = 32, .hidden = 128, .kind = Rows::kLengths};
        if (core::gates_of(cell) == 1) c.hidden = 256;  // the more columns gates have, the fewer rows has a chunk
        for (const bool bfloat16 : {false, core::has_bfloat16()}) {
            c.bfloat16 = bfloat16;
            const Problem p = make_problem(c);
            current_case = describe(c);
            const Results alone = run(p, {});
            for (const int threads : {2, 5}) expect_same_results(alone, run(p, {.threads = threads}));
            for (int turn = 0; turn < kTurns; ++turn) {
                const Results r = run(p, {.threads = turn % 2 == 0 ? 5 : 2, .trains = false});
                expect_same_bits("out", alone.out.buffer.values(), r.out.buffer.values());
            }
        }
    }
}

void callers_do_not_wait_for_each_other_wrongly() {
    for (const Cell cell : kCells) {
        Case c = kManyRows;
        c.cell = cell;
        const Problem p = make_problem(c);
        current_case = describe(c);
        const Results alone = run(p, {.threads = 1});
        std::array<Results, kCallers> results;
        for (Results& r : results) r = make_results(p, {});
        at_once([&](int i) {
            for (int turn = 0; turn < 5; ++turn) {
                core::forward(forward_call(p, results.at(i), {.threads = 1 + i}));
                core::backward(backward_call(p, results.at(i), {.threads = 1 + i}));
            }
        });
        for (const Results& r : results) expect_same_results(alone, r);
    }
}

void streams_share_a_stack() {
    for (const Cell cell : kCells) {
        const Problem p = make_problem({.cell = cell, .time = 9, .rows = 2, .hidden = 33});
        const std::array layers = {layer_of(p)};
        const std::array<core::AnyWeights, 1> weights = {weights_of(p)};
        const auto stack = core::make_stack(layers, weights);
        const core::Stream first(stack, 2);
        std::array<std::vector<float>, kCallers> outs;
        current_case = describe(p.of);
        at_once([&](int i) {
            core::Stream stream(first);
            outs.at(i).resize(p.of.rows * p.of.hidden);
            for (std::int64_t t = 0; t < p.of.time; ++t) {
                stream.step(p.x.buffer.data() + t * p.x.time_stride, outs.at(i).data());
            }
        });
        for (const auto& out : outs) expect_same_bits("streams at once", out, outs[0]);
    }
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(first_use_from_many_threads),
        TEST(threads_share_rows_and_units),
        TEST(threads_keep_apart_from_chunk_to_chunk),
        TEST(callers_do_not_wait_for_each_other_wrongly),
        TEST(streams_share_a_stack),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
