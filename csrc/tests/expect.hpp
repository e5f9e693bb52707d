#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

// As much of a test framework as the core's tests need: every expectation that fails is printed with the case it
// failed in, and a program of tests exits with 1 if there was one.
namespace recurra::test {

inline int failures = 0;
inline std::string current_case;  // what loops over cases are at, for whoever reads a failure

inline void expect(bool holds, std::string_view what, std::string_view file, int line) {
    constexpr int kPrinted = 40;
    if (holds) return;
    if (++failures > kPrinted) return;
    const std::string_view name = file.substr(file.find_last_of('/') + 1);
    std::printf("%.*s:%d: expected %.*s", static_cast<int>(name.size()), name.data(), line,
                static_cast<int>(what.size()), what.data());
    std::printf(current_case.empty() ? "\n" : "  [%s]\n", current_case.c_str());
}

#define EXPECT(condition) recurra::test::expect((condition), #condition, __FILE__, __LINE__)

struct Test {
    std::string_view name;
    void (*run)();
};

#define TEST(function) (recurra::test::Test{.name = #function, .run = (function)})

// Runs the tests whose name holds one of the words given, or all.
inline int run_tests(std::span<const Test> tests, std::span<const char* const> words) {
    int count = 0;
    for (const Test& test : tests) {
        bool chosen = words.empty();
        for (const char* word : words) chosen = chosen || test.name.find(word) != std::string_view::npos;
        if (!chosen) continue;
        current_case.clear();
        const int before = failures;
        test.run();
        ++count;
        if (failures > before) {
            std::printf("%.*s: %d failed\n", static_cast<int>(test.name.size()), test.name.data(), failures - before);
        }
    }
    std::printf("%d tests, %d failed expectations\n", count, failures);
    return count > 0 && failures == 0 ? 0 : 1;
}

}  // namespace recurra::test
