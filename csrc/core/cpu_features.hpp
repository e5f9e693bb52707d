#pragma once

namespace recurra::core {

// What the processor can do and the operating system lets it do, asked at run time. A kernel for an instruction set
// may only be called where its flag is true; nothing else in the core asks the processor.
struct CpuFeatures {
    bool sse4_2 = false;
    bool avx = false;
    bool avx2 = false;
    bool fma = false;
    bool avx512f = false;
    bool avx512bw = false;
    bool avx512vl = false;
    bool avx512_bf16 = false;
    bool avx512_vnni = false;
    bool neon = false;
};

CpuFeatures cpu_features() noexcept;

}  // namespace recurra::core
