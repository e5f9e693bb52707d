// The cross-entropy of a linear map, against sums of doubles and against itself.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/cross_entropy.hpp"
#include "core/recurrent.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kIgnored = -100;

struct Size {
    std::int64_t rows;
    std::int64_t features;
    std::int64_t classes;
};

// Of tiles, vectors, groups of classes and parts of rows: less than one, one, one more.
constexpr std::array<Size, 14> kSizes = {{{1, 1, 1},
                                          {2, 3, 2},
                                          {3, 2, 1},
                                          {5, 16, 63},
                                          {6, 17, 64},
                                          {7, 63, 65},
                                          {8, 33, 255},
                                          {1, 7, 256},
                                          {13, 5, 257},
                                          {129, 4, 300},
                                          {128, 70, 513},
                                          {257, 3, 130},
                                          {600, 2, 7},
                                          {3, 4, 2600}}};

struct Task {
    Size size{};
    std::int64_t gap = 0;
    float smoothing = 0;
    Buffer x, weight, bias, grad_losses;
    std::vector<std::int64_t> target;
};

Buffer random_numbers(std::uint64_t seed, std::int64_t count, float size = 1) {
    Random random{seed};
    Buffer buffer(count, 1);
    for (float& value : buffer.values()) value = uniform(random, size);
    return buffer;
}

// Every `ignored`-th row is ignored, if that isn't 0.
Task make_task(const Size& size, std::int64_t gap = 0, unsigned ignored = 0, float smoothing = 0) {
    Task task{.size = size,
              .gap = gap,
              .smoothing = smoothing,
              .x = random_numbers(1, size.rows * (size.features + gap), 2),
              .weight = random_numbers(2, size.classes * size.features),
              .bias = random_numbers(3, size.classes),
              .grad_losses = random_numbers(4, size.rows),
              .target = {}};
    Random random{5};
    for (std::int64_t r = 0; r < size.rows; ++r) {
        const bool is_ignored = ignored != 0 && r % ignored == 0;
        task.target.push_back(is_ignored ? kIgnored : static_cast<std::int64_t>(next(random) % size.classes));
    }
    return task;
}

struct Found {
    Buffer losses, softmax, logits, grad_x, grad_weight, grad_bias;
};

struct Wanted {
    bool logits = true;
    bool bias = true;
    bool grad_x = true;
    bool grad_weight = true;
    bool grad_bias = true;
};

core::LinearCrossEntropy call_of(const Task& task, const Wanted& wanted, int threads) {
    return {.rows = task.size.rows,
            .features = task.size.features,
            .classes = task.size.classes,
            .x = task.x.data(),
            .x_row = task.size.features + task.gap,
            .weight = task.weight.data(),
            .bias = wanted.bias ? task.bias.data() : nullptr,
            .target = task.target.data(),
            .ignored = kIgnored,
            .smoothing = task.smoothing,
            .threads = threads};
}

Found run(const Task& task, int threads = 1, const Wanted& wanted = {}) {
    const auto [rows, features, classes] = task.size;
    Found found{.losses = Buffer(rows, 1),
                .softmax = Buffer(2 * rows, 1),
                .logits = Buffer(rows * core::logits_row(classes), 1),
                .grad_x = Buffer(rows * features, 1),
                .grad_weight = Buffer(classes * features, 1),
                .grad_bias = Buffer(classes, 1)};
    const core::LinearCrossEntropy of = call_of(task, wanted, threads);
    core::linear_cross_entropy_forward({.of = of,
                                        .losses = found.losses.data(),
                                        .softmax = found.softmax.data(),
                                        .logits = wanted.logits ? found.logits.data() : nullptr});
    if (wanted.logits) {
        core::linear_cross_entropy_backward({.of = of,
                                             .softmax = found.softmax.data(),
                                             .logits = found.logits.data(),
                                             .grad_losses = task.grad_losses.data(),
                                             .grad_x = wanted.grad_x ? found.grad_x.data() : nullptr,
                                             .grad_weight = wanted.grad_weight ? found.grad_weight.data() : nullptr,
                                             .grad_bias = wanted.grad_bias ? found.grad_bias.data() : nullptr});
    }
    for (const Buffer* buffer :
         {&found.losses, &found.softmax, &found.logits, &found.grad_x, &found.grad_weight, &found.grad_bias}) {
        EXPECT(buffer->guards_hold());
    }
    return found;
}

template <class Visit>
void each_size(Visit visit) {
    for (const Size& size : kSizes) {
        current_case = std::to_string(size.rows);
        current_case += " rows, ";
        current_case += std::to_string(size.features);
        current_case += " to ";
        current_case += std::to_string(size.classes);
        visit(size);
    }
}

void expect_same(const Found& one, const Found& other) {
    expect_same_bits("losses", one.losses.values(), other.losses.values());
    expect_same_bits("grad_x", one.grad_x.values(), other.grad_x.values());
    expect_same_bits("grad_weight", one.grad_weight.values(), other.grad_weight.values());
    expect_same_bits("grad_bias", one.grad_bias.values(), other.grad_bias.values());
}

struct Truth {
    std::vector<double> losses, grad_x, grad_weight, grad_bias;
};

Truth witness(const Task& task, bool has_bias) {
    const auto [rows, features, classes] = task.size;
    Truth truth{.losses = std::vector<double>(rows),
                .grad_x = std::vector<double>(rows * features),
                .grad_weight = std::vector<double>(classes * features),
                .grad_bias = std::vector<double>(classes)};
    std::vector<double> z(classes);
    for (std::int64_t r = 0; r < rows; ++r) {
        if (task.target[r] == kIgnored) continue;
        const float* const x = task.x.data() + r * (features + task.gap);
        for (std::int64_t v = 0; v < classes; ++v) {
            z[v] = has_bias ? task.bias.data()[v] : 0;
            for (std::int64_t f = 0; f < features; ++f) {
                z[v] += static_cast<double>(x[f]) * task.weight.data()[v * features + f];
            }
        }
        const double top = *std::ranges::max_element(z);
        double sum = 0;
        for (const double one : z) sum += std::exp(one - top);
        for (std::int64_t v = 0; v < classes; ++v) {
            const double log_p = z[v] - top - std::log(sum);
            const double q = (v == task.target[r] ? 1 - static_cast<double>(task.smoothing) : 0) +
                             static_cast<double>(task.smoothing) / static_cast<double>(classes);
            const double delta = (std::exp(log_p) - q) * task.grad_losses.data()[r];
            truth.losses[r] -= q * log_p;
            truth.grad_bias[v] += delta;
            for (std::int64_t f = 0; f < features; ++f) {
                truth.grad_x[r * features + f] += delta * task.weight.data()[v * features + f];
                truth.grad_weight[v * features + f] += delta * x[f];
            }
        }
    }
    return truth;
}

void expect_near(const char* what, const Buffer& found, const std::vector<double>& truth) {
    constexpr double kTolerance = 4e-6;  // some tens of rounding errors of numbers of size 1 to 10
    bool holds = true;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        holds = holds && std::abs(found.values()[i] - truth[i]) <= kTolerance * (1 + std::abs(truth[i]));
    }
    expect(holds, what, __FILE__, __LINE__);
}

void is_what_doubles_give() {
    each_size([](const Size& size) {
        for (const unsigned ignored : {0U, 3U}) {
            for (const float smoothing : {0.0F, 0.25F}) {
                const Task task = make_task(size, ignored, ignored, smoothing);
                const bool has_bias = ignored == 0;
                const Truth truth = witness(task, has_bias);
                each_instruction_set([&] {
                    const Found found = run(task, 1, {.bias = has_bias});
                    expect_near("losses as doubles give them", found.losses, truth.losses);
                    expect_near("grad_x as doubles give it", found.grad_x, truth.grad_x);
                    expect_near("grad_weight as doubles give it", found.grad_weight, truth.grad_weight);
                    expect_near("grad_bias as doubles give it", found.grad_bias, truth.grad_bias);
                });
            }
        }
    });
}

constexpr Size kMuch = {.rows = 300, .features = 20, .classes = 1100};
constexpr Size kFewClasses = {.rows = 2100, .features = 40, .classes = 20};

void threads_do_not_matter() {
    for (const Size& size : {kMuch, kFewClasses}) {
        const Task task = make_task(size, 3, 7, 0.1F);
        each_instruction_set([&] {
            const Found alone = run(task);
            for (const int threads : {2, 3, 5}) expect_same(alone, run(task, threads));
        });
    }
}

void other_rows_do_not_matter() {
    const Task task = make_task(kMuch);
    each_instruction_set([&] {
        const Found all = run(task);
        for (const std::int64_t rows : {1, 5, 128, 299}) {
            Task fewer = task;
            fewer.size.rows = rows;
            const Found some = run(fewer);
            expect_same_bits("losses", some.losses.values(), all.losses.values().first(rows));
            expect_same_bits("grad_x", some.grad_x.values(), all.grad_x.values().first(rows * task.size.features));
        }
    });
}

void a_sick_row_is_alone() {
    constexpr std::int64_t kSick = 2;
    each_size([](const Size& size) {
        if (size.rows <= kSick) return;
        for (const float value : {kNaN, std::numeric_limits<float>::infinity()}) {
            Task task = make_task(size);
            each_instruction_set([&] {
                const Found well = run(task);
                const float before = std::exchange(task.x.data()[kSick * size.features], value);
                const Found ill = run(task);
                task.x.data()[kSick * size.features] = before;
                for (std::int64_t r = 0; r < size.rows; ++r) {
                    const auto row = [&](const Found& found) {
                        return found.grad_x.values().subspan(r * size.features, size.features);
                    };
                    if (r == kSick) {
                        EXPECT(std::isnan(ill.losses.values()[r]));
                        EXPECT(std::ranges::all_of(row(ill), [](float g) { return std::isnan(g); }));
                    } else {
                        expect_same_bits("a loss", ill.losses.values().subspan(r, 1),
                                         well.losses.values().subspan(r, 1));
                        expect_same_bits("a row", row(ill), row(well));
                    }
                }
            });
        }
    });
}

void an_ignored_row_is_not_read() {
    Task task = make_task(kMuch, 0, 4);
    each_instruction_set([&] {
        const Found before = run(task);
        for (std::int64_t r = 0; r < kMuch.rows; r += 4) {
            std::ranges::fill(task.x.values().subspan(r * kMuch.features, kMuch.features), kNaN);
            task.grad_losses.values()[r] = kNaN;
        }
        const Found after = run(task);
        expect_same(before, after);
        for (std::int64_t r = 0; r < kMuch.rows; r += 4) {
            EXPECT(after.losses.values()[r] == 0 && after.grad_x.values()[r * kMuch.features] == 0);
        }
    });
}

void large_logits_do_not_overflow() {
    Task task = make_task(kMuch);
    for (float& value : task.x.values()) value *= 1e4F;
    each_instruction_set([&] {
        const Found found = run(task);
        for (const Buffer* buffer : {&found.losses, &found.grad_x, &found.grad_weight, &found.grad_bias}) {
            EXPECT(std::ranges::all_of(buffer->values(), [](float value) { return std::isfinite(value); }));
        }
    });
}

void only_what_is_wanted_is_written() {
    const Task task = make_task(kMuch);
    const Found all = run(task);
    const auto unwritten = [](const Buffer& buffer) {
        return std::ranges::all_of(buffer.values(), [](float value) { return std::isnan(value); });
    };
    const Found losses = run(task, 1, {.logits = false});
    expect_same_bits("losses", losses.losses.values(), all.losses.values());
    EXPECT(unwritten(losses.logits) && unwritten(losses.grad_x));
    const Found of_x = run(task, 1, {.grad_weight = false, .grad_bias = false});
    expect_same_bits("grad_x", of_x.grad_x.values(), all.grad_x.values());
    EXPECT(unwritten(of_x.grad_weight) && unwritten(of_x.grad_bias));
    const Found of_weight = run(task, 1, {.grad_x = false});
    expect_same_bits("grad_weight", of_weight.grad_weight.values(), all.grad_weight.values());
    expect_same_bits("grad_bias", of_weight.grad_bias.values(), all.grad_bias.values());
    EXPECT(unwritten(of_weight.grad_x));
}

void without_rows_gradients_are_zero() {
    for (const unsigned ignored : {0U, 1U}) {
        const Task task = make_task({.rows = ignored == 0 ? 0 : 5, .features = 3, .classes = 300}, 0, ignored);
        const Found found = run(task);
        for (const Buffer* buffer : {&found.losses, &found.grad_x, &found.grad_weight, &found.grad_bias}) {
            EXPECT(std::ranges::all_of(buffer->values(), [](float value) { return value == 0; }));
        }
    }
}

void callers_do_not_disturb_each_other() {
    const Task task = make_task(kMuch);
    const Found alone = run(task);
    std::array<Found, 3> found;
    std::vector<std::thread> callers;
    callers.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        callers.emplace_back([&, i] { found.at(i) = run(task, static_cast<int>(i) + 1); });
    }
    for (std::thread& caller : callers) caller.join();
    for (const Found& one : found) expect_same(alone, one);
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array kTests = {
        TEST(is_what_doubles_give),
        TEST(threads_do_not_matter),
        TEST(other_rows_do_not_matter),
        TEST(a_sick_row_is_alone),
        TEST(an_ignored_row_is_not_read),
        TEST(large_logits_do_not_overflow),
        TEST(only_what_is_wanted_is_written),
        TEST(without_rows_gradients_are_zero),
        TEST(callers_do_not_disturb_each_other),
    };
    return run_tests(kTests, std::span(argv, argc).subspan(1));
}
