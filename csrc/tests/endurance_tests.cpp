// Memory over a million calls, time with denormals, life after a fork: for the optimised build, without sanitizers.

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>

#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

std::int64_t resident_pages() {
    std::int64_t size = 0;
    std::int64_t resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return resident;
}

// A leak of one byte a call would be 244 pages; the allocator may keep a few.
template <class Call>
void expect_no_growth(int calls, Call call) {
    constexpr std::int64_t kPages = 64;
    for (int i = 0; i < calls / 100; ++i) call();
    const std::int64_t before = resident_pages();
    for (int i = 0; i < calls; ++i) call();
    const std::int64_t grown = resident_pages() - before;
    if (grown > kPages) std::printf("%lld pages more\n", static_cast<long long>(grown));
    EXPECT(before > 0 && grown <= kPages);
}

void a_million_calls_leave_nothing() {
    constexpr int kMillion = 1'000'000;
    const Problem p = make_problem({.cell = Cell::kLstm, .time = 1, .rows = 1, .features = 1, .hidden = 3});
    Results r = make_results(p, {});
    const core::Forward forwards = forward_call(p, r, {});
    const core::Backward backwards = backward_call(p, r, {});
    expect_no_growth(kMillion, [&] { core::forward(forwards); });
    expect_no_growth(kMillion, [&] { core::backward(backwards); });
    const std::array layers = {layer_of(p)};
    const std::array<core::AnyWeights, 1> weights = {weights_of(p)};
    const auto stack = core::make_stack(layers, weights);
    core::Stream stream(stack, 1);
    expect_no_growth(kMillion, [&] { stream.step(p.x.buffer.data(), r.h_n.data()); });
    expect_no_growth(kMillion / 10, [&] {
        core::Stream fork(stream);
        fork.reset();
    });
    expect_no_growth(kMillion / 10, [&] { const auto copy = core::make_stack(layers, weights); });
}

void threads_leave_nothing() {
    for (const Cell cell : kCells) {
        const Problem p = make_problem({.cell = cell, .time = 12, .rows = 40, .features = 2, .hidden = 64});
        Results r = make_results(p, {});
        core::Forward forwards = forward_call(p, r, {.threads = 2});
        core::Backward backwards = backward_call(p, r, {.threads = 2});
        current_case = describe(p.of);
        expect_no_growth(1500, [&] {
            forwards.threads = backwards.threads = 5 - forwards.threads;  // 2, 3, 2, 3, ...
            core::forward(forwards);
            core::backward(backwards);
        });
    }
}

// Of several, the fastest: other work on the machine only ever adds.
double seconds(const Problem& p) {
    double best = std::numeric_limits<double>::infinity();
    Results r = make_results(p, {});
    for (int i = 0; i < 7; ++i) {
        const auto before = std::chrono::steady_clock::now();
        core::forward(forward_call(p, r, {}));
        core::backward(backward_call(p, r, {}));
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
    }
    return best;
}

void denormals_take_no_longer() {
    constexpr double kSlower = 3;
    for (const Cell cell : kCells) {
        Case c{.cell = cell, .time = 50, .rows = 16, .features = 16, .hidden = 64};
        const Problem normal = make_problem(c);
        c.scale = 1e-40F;
        const Problem tiny = make_problem(c);
        current_case = describe(c);
        each_instruction_set([&] {
            const double ratio = seconds(tiny) / seconds(normal);
            if (ratio >= kSlower) std::printf("denormals take %.1f times as long\n", ratio);
            EXPECT(ratio < kSlower);
        });
    }
}

// The threads of the parent aren't there in the child, which must neither wait for them nor end differently.
template <class Check>
void in_a_child(Check check) {
    constexpr unsigned kPatience = 20;
    (void)std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        failures = 0;
        alarm(kPatience);
        check();
        (void)std::fflush(stdout);
        _exit(failures);
    }
    int status = 0;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Problem enough_for_two() {
    return make_problem({.cell = Cell::kGruResetAfter, .time = 12, .rows = 40, .features = 5, .hidden = 64});
}

// Others in the parent have used libgomp's threads, if there are any, and nobody ours.
void a_forked_child_may_be_the_first_to_call() {
    using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
    const auto parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    if (parallel != nullptr) parallel([](void*) {}, nullptr, 2, 0);
    in_a_child([] {
        const Problem p = enough_for_two();
        expect_right(p, run(p, {.threads = 2}), witness(p), true);
    });
}

void works_in_a_forked_child() {
    const Problem p = enough_for_two();
    const Results before = run(p, {.threads = 2});
    in_a_child([&] { expect_same_results(before, run(p, {.threads = 2})); });
    expect_same_results(before, run(p, {.threads = 2}));
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(a_forked_child_may_be_the_first_to_call),
        TEST(works_in_a_forked_child),
        TEST(a_million_calls_leave_nothing),
        TEST(threads_leave_nothing),
        TEST(denormals_take_no_longer),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
