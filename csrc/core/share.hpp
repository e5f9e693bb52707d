#pragma once

#include "core/simd.hpp"

// What of a call a thread does.
namespace recurra::core::RECURRA_ISA {

struct Range {
    Index begin = 0;
    Index end = 0;
};

// Part `part` of `parts` of [0, size), all as alike as can be.
[[gnu::always_inline]] inline Range part_of(Index size, Index part, Index parts) noexcept {
    return {size * part / parts, size * (part + 1) / parts};
}

[[gnu::always_inline]] inline Range within(Range a, Range b) noexcept {
    const Index begin = a.begin > b.begin ? a.begin : b.begin;
    const Index end = a.end < b.end ? a.end : b.end;
    return {begin, end < begin ? begin : end};
}

// Denormal numbers count as 0 while this lives, on this thread: computing with them takes a hundred times as long.
class NoDenormals {
  public:
    NoDenormals() noexcept;
    NoDenormals(const NoDenormals&) = delete;
    NoDenormals& operator=(const NoDenormals&) = delete;
    ~NoDenormals();

  private:
    std::uint64_t before_;
};

#if defined(__x86_64__)
inline NoDenormals::NoDenormals() noexcept : before_(__builtin_ia32_stmxcsr()) {
    __builtin_ia32_ldmxcsr(static_cast<unsigned>(before_) | 0x8040U);
}
inline NoDenormals::~NoDenormals() {
    __builtin_ia32_ldmxcsr(static_cast<unsigned>(before_));
}
#elif defined(__aarch64__)
inline NoDenormals::NoDenormals() noexcept : before_(0) {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24U)));
}
inline NoDenormals::~NoDenormals() {
    __asm__ volatile("msr fpcr, %0" ::"r"(before_));
}
#else
inline NoDenormals::NoDenormals() noexcept : before_(0) {}
inline NoDenormals::~NoDenormals() = default;
#endif

}  // namespace recurra::core::RECURRA_ISA
