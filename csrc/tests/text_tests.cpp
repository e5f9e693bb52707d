// What networks over sequences of codes need: pools, paths of labels, spelling, and drawing the next code.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/drawing.hpp"
#include "core/pooling.hpp"
#include "core/program.hpp"
#include "core/scoring.hpp"
#include "tests/expect.hpp"
#include "tests/problem.hpp"
#include "tests/runs.hpp"

namespace {

using namespace recurra;        // NOLINT(google-build-using-namespace)
using namespace recurra::test;  // NOLINT(google-build-using-namespace)
using core::Instruction;
using core::Kind;
using core::Value;
using core::arrays::Pooled;
using core::arrays::Pooling;

constexpr std::int64_t kTime = 6;
constexpr std::int64_t kLetters = 4;
constexpr std::int64_t kCategories = 5;
constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kHidden = 7;

std::vector<float> random_floats(std::int64_t size, std::uint64_t seed) {
    std::vector<float> all;
    for (std::int64_t i = 0; i < size; ++i) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        all.push_back(static_cast<float>(seed >> 40U) / static_cast<float>(1U << 23U) - 1.0F);
    }
    return all;
}

std::vector<float> random_codes(std::int64_t size, std::uint64_t seed) {
    std::vector<float> all = random_floats(size, seed);
    for (float& code : all) code = std::floor((code + 1) * 0.5F * static_cast<float>(kCategories));
    return all;
}

void expect_close(const char* what, double found, double expected) {
    expect(std::fabs(found - expected) <= 1e-5 * (1 + std::fabs(expected)), what, __FILE__, __LINE__);
}

void pools_are_what_they_say() {
    const std::vector<float> x = random_floats(kTime * kChannels, 1);
    const std::vector<float> scores = random_floats(kTime, 2);
    for (const Pooling how : {Pooling::kMax, Pooling::kMean, Pooling::kAttention, Pooling::kRoot}) {
        std::vector<float> value(kChannels);
        const Pooled pooled = core::arrays::pool(how, x.data(), scores.data(), kTime, kChannels, {}, value.data());
        for (std::int64_t i = 0; i < kChannels; ++i) {
            double largest = x[i];
            double sum = 0;
            double weight = 0;
            for (std::int64_t t = 0; t < kTime; ++t) {
                const double share = how == Pooling::kAttention ? std::exp(static_cast<double>(scores[t])) : 1;
                largest = std::max<double>(largest, x[t * kChannels + i]);
                sum += share * x[t * kChannels + i];
                weight += share;
            }
            const bool is_max = how == Pooling::kMax;
            const double divisor = how == Pooling::kRoot ? std::sqrt(weight) : weight;
            const float mean = value[i] / core::arrays::divisor(how, pooled.weight);
            expect_close("a pool", is_max ? value[i] : mean, is_max ? largest : sum / divisor);
        }
    }
    // So far apart that only the largest counts, in either order; a NaN stays one.
    const std::vector<float> far = {-200, 300, -200};
    float value = 0;
    const Pooled pooled = core::arrays::pool(Pooling::kAttention, far.data(), far.data(), 3, 1, {}, &value);
    expect_close("the largest alone", value / pooled.weight, 300);
    const std::vector<float> poisoned = {1, std::numeric_limits<float>::quiet_NaN(), 2};
    core::arrays::pool(Pooling::kMax, poisoned.data(), nullptr, 3, 1, {}, &value);
    EXPECT(std::isnan(value));
}

void paths_are_the_best_of_all() {
    const std::vector<float> first = random_floats(kChannels, 3);
    const std::vector<float> moves = random_floats(kChannels * kChannels, 4);
    const std::vector<float> scores = random_floats(kTime * kChannels, 5);
    std::vector<float> now(kChannels);
    std::vector<float> before;
    std::vector<std::pair<double, std::int64_t>> paths;  // score, last label
    for (std::int64_t t = 0; t < kTime; ++t) {
        const float* const step = scores.data() + t * kChannels;
        core::arrays::extend_paths(before.empty() ? nullptr : before.data(), first.data(), moves.data(), step,
                                   kChannels, now.data());
        std::vector<std::pair<double, std::int64_t>> longer;
        for (std::int64_t to = 0; to < kChannels; ++to) {
            if (t == 0) longer.emplace_back(first[to] + step[to], to);
            for (const auto& [score, from] : paths) {
                longer.emplace_back(score + moves[from * kChannels + to] + step[to], to);
            }
        }
        paths = std::move(longer);
        const double best = std::max_element(paths.begin(), paths.end())->first;
        for (std::int64_t label = 0; label < kChannels; ++label) {
            double own = -1e9;
            for (const auto& [score, last] : paths) own = last == label ? std::max(own, score) : own;
            expect_close("a path", now[label], own - best);
        }
        before = now;
    }
}

void a_word_is_the_largest_of_its_windows() {
    constexpr std::int64_t kKernel = 3;
    const std::vector<float> table = random_floats(kKernel * kCategories * kChannels, 6);
    const std::vector<float> bias = random_floats(kChannels, 7);
    const std::vector<float> word = {2, 4, 1, 0, 0};
    std::vector<float> sum(kChannels);
    std::vector<float> found(kChannels);
    const auto given = [&](std::int64_t place, std::int64_t code, std::int64_t channel) {
        return code == 0 ? 0.0F : table[(place * kCategories + code) * kChannels + channel];
    };
    core::arrays::spell(word.data(), 5, table.data(), kKernel, kCategories, bias.data(), kChannels, sum.data(),
                        found.data());
    for (std::int64_t c = 0; c < kChannels; ++c) {
        const double one = bias[c] + given(1, 2, c) + given(2, 4, c);
        const double two = bias[c] + given(0, 2, c) + given(1, 4, c) + given(2, 1, c);
        const double three = bias[c] + given(0, 4, c) + given(1, 1, c);
        expect_close("a word", found[c], std::max({one, two, three}));
    }
    const std::vector<float> nothing = {0, 9, -1};
    core::arrays::spell(nothing.data(), 3, table.data(), kKernel, kCategories, bias.data(), kChannels, sum.data(),
                        found.data());
    expect_same_bits("no characters", found, std::vector<float>(kChannels));
}

// Words of letters (time, letters): spelled, labelled along the best path, and pooled by those scores.
core::Program reader(std::int64_t time, bool keeps_state) {
    std::vector<Value> values;
    std::vector<Instruction> instructions;
    const auto value = [&](std::array<std::int64_t, 3> dims, const std::vector<float>& constant = {}) {
        values.push_back({.dims = dims});
        if (!constant.empty()) values.back() = {.dims = dims, .place = Value::Place::kConstant, .constant = constant};
        return static_cast<std::int32_t>(values.size() - 1);
    };
    const std::int32_t x = value({time, kLetters, 1});
    values.back().place = Value::Place::kInput;
    const std::int32_t table = value({3, kCategories, kChannels}, random_floats(3 * kCategories * kChannels, 8));
    const std::int32_t bias = value({1, kChannels, 1}, random_floats(kChannels, 9));
    const std::int32_t moves = value({kChannels, kChannels, 1}, random_floats(kChannels * kChannels, 10));
    const std::int32_t spelled = value({time, kChannels, 1});
    instructions.push_back({.kind = Kind::kSpell, .out = spelled, .in = {x, table, bias}});
    const std::int32_t paths = value({time, kChannels, 1});
    const auto state = [&](std::int64_t at) { return keeps_state ? at : -1; };
    instructions.push_back({.kind = Kind::kPaths, .out = paths, .in = {spelled, moves, bias}, .state = state(0)});
    const std::int32_t shares = value({time, kChannels, 1});
    instructions.push_back({.kind = Kind::kLogSoftmax, .out = shares, .in = {paths}});
    const std::int32_t score = value({time, 1, 1});
    instructions.push_back({.kind = Kind::kSlice, .out = score, .in = {shares}, .axis = 1, .from = 1});
    std::vector<std::int32_t> outputs = {paths};
    for (const std::int64_t axis : {0, 1, 2}) {
        outputs.push_back(value({1, kChannels, 1}));
        Instruction pool{.kind = Kind::kPool, .out = outputs.back(), .in = {spelled}, .axis = axis};
        if (axis == 2) pool.in.push_back(score);
        pool.state = state(kChannels + 1 + axis * (kChannels + 2));
        instructions.push_back(pool);
    }
    return {std::move(values), std::move(instructions), std::move(outputs)};
}

std::vector<std::vector<float>> answers(const core::Program& program, std::int64_t rows, const std::vector<float>& x,
                                        float* const* states = nullptr, int threads = 1) {
    std::vector<std::vector<float>> out;
    std::vector<float*> to;
    out.reserve(program.num_outputs());
    to.reserve(program.num_outputs());
    for (std::int64_t i = 0; i < program.num_outputs(); ++i) {
        out.emplace_back(rows * program.output(i).size(), std::numeric_limits<float>::quiet_NaN());
    }
    for (std::vector<float>& one : out) to.push_back(one.data());
    const float* const inputs[] = {x.data()};
    program.run(rows, inputs, to.data(), states, threads);
    return out;
}

void steps_are_the_chunk() {
    const core::Program step = reader(1, true);
    const core::Program chunk = reader(kTime, true);
    const core::Program whole = reader(kTime, false);
    EXPECT(step.state_size() == kChannels + 1 + 3 * (kChannels + 2));
    const std::vector<float> x = random_codes(kTime * kLetters, 11);
    std::vector<float> stepped(step.state_size());
    std::vector<float> at_once = stepped;
    float* const one[] = {stepped.data()};
    float* const other[] = {at_once.data()};
    const auto all = answers(chunk, 1, x, other);
    std::vector<float> paths;
    std::vector<std::vector<float>> last;
    for (std::int64_t t = 0; t < kTime; ++t) {
        const auto begin = x.begin() + t * kLetters;
        last = answers(step, 1, {begin, begin + kLetters}, one);
        paths.insert(paths.end(), last[0].begin(), last[0].end());
    }
    expect_same_bits("paths", paths, all[0]);
    for (const std::size_t pool : {1, 2, 3}) expect_same_bits("a pool", last[pool], all[pool]);
    expect_same_bits("state", stepped, at_once);
    const auto without = answers(whole, 1, x);
    for (std::size_t i = 0; i < without.size(); ++i) expect_same_bits("without a state", without[i], all[i]);
    // And from the middle of a sequence on.
    const auto more = answers(chunk, 1, x, other);
    EXPECT(more[0] != all[0] && more[1] == all[1]);
}

void threads_share_the_rows() {
    const core::Program program = reader(kTime, false);
    constexpr std::int64_t kRows = 3000;
    const std::vector<float> x = random_codes(kRows * kTime * kLetters, 12);
    const auto alone = answers(program, kRows, x);
    for (const int threads : {2, 3}) {
        const auto shared = answers(program, kRows, x, nullptr, threads);
        for (std::size_t i = 0; i < alone.size(); ++i) expect_same_bits("by threads", shared[i], alone[i]);
    }
    const auto begin = x.begin() + 2999 * kTime * kLetters;
    const auto own = answers(program, 1, {begin, begin + kTime * kLetters});
    expect_same_bits("a row alone", own[0], {alone[0].end() - kTime * kChannels, alone[0].end()});
}

// Codes to logits, with a stack between.
core::Program speaker(std::int64_t categories) {
    const Case c{.cell = Cell::kGruResetAfter, .time = 1, .rows = 1, .features = kChannels, .hidden = kHidden};
    const Problem p = make_problem(c);
    const core::Layer layer = layer_of(p);
    const core::AnyWeights weights = weights_of(p);
    const std::vector<float> out = random_floats(categories * kHidden, 13);
    std::vector<Value> values = {{.dims = {1, 1, 1}, .place = Value::Place::kInput},
                                 {.dims = {categories, kChannels, 1},
                                  .place = Value::Place::kConstant,
                                  .constant = random_floats(categories * kChannels, 14)},
                                 {.dims = {1, kChannels, 1}},
                                 {.dims = {1, kHidden, 1}},
                                 {.dims = {1, categories, 1}}};
    std::vector<Instruction> instructions = {
        {.kind = Kind::kGather, .out = 2, .in = {1, 0}},
        {.kind = Kind::kRun,
         .out = 3,
         .in = {2},
         .stack = core::make_stack(std::span(&layer, 1), std::span(&weights, 1)),
         .state = 0},
        {.kind = Kind::kLinear,
         .out = 4,
         .in = {3},
         .linear = std::make_shared<const core::Linear>(out.data(), nullptr, categories, kHidden)}};
    return {std::move(values), std::move(instructions), {4}};
}

void codes_are_looked_up_exactly() {
    each_instruction_set([] {
        const core::Program program = speaker(kCategories);
        std::vector<float> states[3];
        for (std::vector<float>& one : states) one = random_floats(program.state_size(), 15);
        float* const alone[] = {states[0].data()};
        float* const both[] = {states[1].data(), states[2].data()};
        for (const float code : {3.0F, 0.0F, 4.0F, 99.0F}) {  // unknown: 0
            const auto one = answers(program, 1, {code}, alone);
            const auto two = answers(program, 2, {code, code}, both);  // computed
            expect_same_bits("a code", one[0], {two[0].begin(), two[0].begin() + kCategories});
        }
        expect_same_bits("state", states[0], states[1]);
    });
}

void drawn_codes_have_their_shares() {
    constexpr std::int64_t kMany = 4000;
    const core::Program program = speaker(kCategories);
    const std::vector<float> says = {0.5F, -1.0F, 1.5F, -std::numeric_limits<float>::infinity(), 0.0F};
    const auto share_of = [&](const core::Drawing& how, std::int32_t wanted) {
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < kMany; ++i) {
            std::vector<float> answer = says;
            std::vector<float> state(program.state_size());
            const double uniform = (static_cast<double>(i) + 0.5) / kMany;
            std::int32_t code = -1;
            double bits = 0;
            core::generate(program, how, std::span(&uniform, 1), answer.data(), state.data(), &code, &bits);
            EXPECT(code >= 0 && code < kCategories && code != 3 && answer != says);
            if (code == wanted) ++count;
        }
        return static_cast<double>(count) / kMany;
    };
    const auto power = [&](double at, double temperature) { return std::exp(at / temperature); };
    const double total = power(0.5, 1) + power(-1, 1) + power(1.5, 1) + 1;
    EXPECT(std::fabs(share_of({}, 2) - power(1.5, 1) / total) < 1e-3);
    const double sharp = power(0.5, 0.5) + power(-1, 0.5) + power(1.5, 0.5) + 1;
    EXPECT(std::fabs(share_of({.temperature = 0.5}, 0) - power(0.5, 0.5) / sharp) < 1e-3);
    EXPECT(share_of({.temperature = 0}, 2) == 1);
    const double two = power(1.5, 1) + power(0.5, 1);
    EXPECT(std::fabs(share_of({.top_k = 2}, 0) - power(0.5, 1) / two) < 1e-3);
    EXPECT(std::fabs(share_of({.top_p = 0.7}, 2) - power(1.5, 1) / two) < 1e-3);
    const std::int32_t barred[] = {2, 0};
    EXPECT(share_of({.barred = barred}, 2) == 0 && share_of({.top_k = 1, .barred = barred}, 4) == 1);
}

void what_does_not_fit_is_refused() {
    const auto refused = [](std::vector<Value> values, Instruction instruction) {
        values.push_back({.dims = values.front().dims});
        instruction.out = static_cast<std::int32_t>(values.size() - 1);
        try {
            const core::Program program(std::move(values), {std::move(instruction)}, {});
        } catch (const std::invalid_argument&) {
            return true;
        }
        return false;
    };
    const Value x{.dims = {1, 3, 1}, .place = Value::Place::kInput};
    const Value scores{.dims = {1, 1, 1}, .place = Value::Place::kInput, .number = 1};
    const Value square{.dims = {3, 3, 1}, .place = Value::Place::kConstant, .constant = std::vector<float>(9)};
    const Value row{.dims = {1, 3, 1}, .place = Value::Place::kConstant, .constant = std::vector<float>(3)};
    EXPECT(!refused({x}, {.kind = Kind::kPool, .in = {0}, .axis = 1}));
    EXPECT(refused({x}, {.kind = Kind::kPool, .in = {0}, .axis = 2}));
    EXPECT(refused({x}, {.kind = Kind::kPool, .in = {0}, .axis = 4}));
    EXPECT(!refused({x, scores}, {.kind = Kind::kPool, .in = {0, 1}, .axis = 2}));
    EXPECT(refused({x, x}, {.kind = Kind::kPool, .in = {0, 1}, .axis = 2}));
    EXPECT(!refused({x, square, row}, {.kind = Kind::kPaths, .in = {0, 1, 2}}));
    EXPECT(refused({x, square, x}, {.kind = Kind::kPaths, .in = {0, 1, 2}}));
    EXPECT(refused({x, row, row}, {.kind = Kind::kPaths, .in = {0, 1, 2}}));
    EXPECT(refused({x, square}, {.kind = Kind::kPaths, .in = {0, 1}}));
    EXPECT(refused({x, square, row}, {.kind = Kind::kSpell, .in = {0, 1, 2}}));
    EXPECT(refused({x, scores}, {.kind = Kind::kLogSoftmax, .in = {1}}));
}

}  // namespace

int main(int argc, char** argv) {
    const Test tests[] = {TEST(pools_are_what_they_say),
                          TEST(paths_are_the_best_of_all),
                          TEST(a_word_is_the_largest_of_its_windows),
                          TEST(steps_are_the_chunk),
                          TEST(threads_share_the_rows),
                          TEST(codes_are_looked_up_exactly),
                          TEST(drawn_codes_have_their_shares),
                          TEST(what_does_not_fit_is_refused)};
    return run_tests(tests, {argv + 1, static_cast<std::size_t>(argc - 1)});
}
