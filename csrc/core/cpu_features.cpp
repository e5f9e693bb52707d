#include "core/cpu_features.hpp"

#include <cstdint>

#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#define RECURRA_X86 1
#include <intrin.h>
#elif defined(__x86_64__) || defined(__i386__)
#define RECURRA_X86 1
#include <cpuid.h>
#endif

namespace recurra::core {

#ifdef RECURRA_X86

namespace {

struct Registers {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero where the processor doesn't know the leaf, so that every flag read from it is false.
Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) noexcept {
    Registers r;
#if defined(_MSC_VER)
    int out[4] = {};
    __cpuid(out, 0);
    if (static_cast<std::uint32_t>(out[0]) < leaf) return r;
    __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
    r = {static_cast<std::uint32_t>(out[0]), static_cast<std::uint32_t>(out[1]), static_cast<std::uint32_t>(out[2]),
         static_cast<std::uint32_t>(out[3])};
#else
    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
    return r;
}

// Which register files the operating system saves on a task switch. Only callable where OSXSAVE is set.
std::uint64_t saved_registers() noexcept {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<std::uint64_t>(high) << 32U) | low;
#endif
}

constexpr bool bit(std::uint64_t word, unsigned index) noexcept {
    return ((word >> index) & 1U) != 0;
}

}  // namespace

CpuFeatures cpu_features() noexcept {
    const Registers basic = cpuid(1, 0);
    const Registers extended = cpuid(7, 0);
    const Registers extended1 = bit(extended.eax, 0) ? cpuid(7, 1) : Registers{};

    const bool osxsave = bit(basic.ecx, 27);
    const std::uint64_t saved = osxsave ? saved_registers() : 0;
    const bool ymm = (saved & 0x06U) == 0x06U;  // xmm and the upper halves of ymm
    const bool zmm = (saved & 0xe6U) == 0xe6U;  // those, the mask registers and both parts of zmm

    CpuFeatures f;
    f.sse4_2 = bit(basic.ecx, 20);
    f.avx = ymm && bit(basic.ecx, 28);
    f.fma = f.avx && bit(basic.ecx, 12);
    f.avx2 = f.avx && bit(extended.ebx, 5);
    f.avx512f = f.avx && zmm && bit(extended.ebx, 16);
    f.avx512bw = f.avx512f && bit(extended.ebx, 30);
    f.avx512vl = f.avx512f && bit(extended.ebx, 31);
    f.avx512_vnni = f.avx512f && bit(extended.ecx, 11);
    f.avx512_bf16 = f.avx512f && bit(extended1.eax, 5);
    return f;
}

#else

CpuFeatures cpu_features() noexcept {
    CpuFeatures f;
#if defined(__ARM_NEON) || defined(_M_ARM64)
    f.neon = true;  // part of the 64-bit ARM baseline: a compiler that targets it may assume it
#endif
    return f;
}

#endif

}  // namespace recurra::core
