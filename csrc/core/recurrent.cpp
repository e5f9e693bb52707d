#include "core/recurrent.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "core/cpu_features.hpp"
#include "core/kernels.hpp"
#include "core/team.hpp"
#include "core/timeline.hpp"

namespace recurra::core {

namespace {

// The sets that this machine has, the best first.
struct Found {
    std::array<const Kernels*, 3> kernels{};
    std::array<const char*, 3> names{};
    std::size_t count = 0;

    Found() noexcept {
        const auto add = [this](bool runs_here, const Kernels& set) {
            if (!runs_here) return;
            kernels[count] = &set;
            names[count++] = set.name;
        };
#if defined(__x86_64__)
        const CpuFeatures cpu = cpu_features();
        add(cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.fma, avx512::kernels);
        add(cpu.avx2 && cpu.fma, avx2::kernels);
#endif
#if defined(__aarch64__)
        add(true, neon::kernels);
#else
        add(true, baseline::kernels);
#endif
    }

    [[nodiscard]] const Kernels* named(const char* name) const noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            if (std::strcmp(names[i], name) == 0) return kernels[i];
        }
        return nullptr;
    }
};

const Found& found() noexcept {
    static const Found sets;
    return sets;
}

std::atomic<const Kernels*>& in_use() noexcept {
    static std::atomic<const Kernels*> set = [] {
        const char* const wanted = std::getenv("RECURRA_ISA");
        const Kernels* const named = wanted == nullptr ? nullptr : found().named(wanted);
        return named == nullptr ? found().kernels[0] : named;
    }();
    return set;
}

}  // namespace

const Kernels& kernels() noexcept {
    return *in_use().load(std::memory_order_relaxed);
}

// All processors that have AVX512_BF16 have AVX512_VNNI too: one set of kernels may use both.
bool has_bfloat16() noexcept {
#if defined(__x86_64__)
    const CpuFeatures cpu = cpu_features();
    return &kernels() == &avx512::kernels && cpu.avx512_bf16 && cpu.avx512_vnni;
#else
    return false;
#endif
}

const Kernels& byte_kernels() noexcept {
#if defined(__x86_64__)
    if (has_bfloat16()) return avx512_bf16::kernels;
#endif
    return kernels();
}

namespace {

const Kernels& kernels_for(const Layer& layer) noexcept {
#if defined(__x86_64__)
    if (layer.bfloat16 && has_bfloat16()) return avx512_bf16::kernels;
#endif
    (void)layer;
    return kernels();
}

}  // namespace

std::span<const char* const> instruction_sets() noexcept {
    return {found().names.data(), found().count};
}

const char* instruction_set() noexcept {
    return kernels().name;
}

bool use_instruction_set(const char* name) noexcept {
    const Kernels* const set = found().named(name);
    if (set == nullptr) return false;
    in_use().store(set, std::memory_order_relaxed);
    return true;
}

std::size_t tape_size(const Layer& layer, const Steps& steps, bool recompute) noexcept {
    std::int64_t total = 0;
    if (!steps.batch_sizes.empty()) {
        for (const std::int64_t rows : steps.batch_sizes) total += rows;
    } else if (!steps.lengths.empty()) {
        for (const std::int64_t length : steps.lengths) total += length;
    } else {
        total = steps.time * steps.rows;
    }
    return kernels().tape_size(layer, total, recompute);
}

void forward(const Forward& call) {
    const TimelineMemory memory(call.steps);
    kernels_for(call.layer).forward(call, memory.timeline());
}

void backward(const Backward& call) {
    const TimelineMemory memory(call.steps);
    kernels_for(call.layer).backward(call, memory.timeline());
}

double peak_gflops(int threads, double seconds) {
    using Clock = std::chrono::steady_clock;
    constexpr std::int64_t kRounds = 1U << 16U;
    const Kernels& set = kernels();
    std::atomic<double> total{0.0};
    Barrier barrier;
    auto body = [&](int /*thread*/, int team) {
        set.multiply_adds(kRounds);
        barrier.wait(team);
        const Clock::time_point begin = Clock::now();
        double done = 0;
        double elapsed = 0;
        while (elapsed < seconds) {
            done += set.multiply_adds(kRounds);
            elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
        }
        total.fetch_add(2 * done / elapsed / 1e9);
    };
    run_team(threads, body);
    return total.load();
}

}  // namespace recurra::core
