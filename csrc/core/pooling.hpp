#pragma once

#include <algorithm>
#include <cmath>

#include "core/arrays.hpp"

// Many vectors to one: the steps of a sequence, and the characters of a word.
namespace recurra::core::arrays {

enum class Pooling : std::uint8_t { kMax, kMean, kAttention, kRoot };

// What pooling carries on beside a vector: how many steps there were, or the sum of their weights, and the largest
// score.
struct Pooled {
    float weight = 0;
    float peak = 0;
};

// Takes T steps of x (T, width), and of attention their scores (T), one after the other into `value` (width): the
// largest of each number, or the sum of the steps times exp(score - peak).
inline Pooled pool(Pooling how, const float* x, const float* scores, Index time, Index width, Pooled before,
                   float* value) noexcept {
    Pooled now = before;
    for (Index t = 0; t < time; ++t, x += width) {
        if (now.weight == 0) {
            std::copy_n(x, width, value);
            now = {.weight = 1, .peak = how == Pooling::kAttention ? scores[t] : 0};
            continue;
        }
        switch (how) {
            case Pooling::kMax:  // a NaN stays one
                for (Index i = 0; i < width; ++i) value[i] = x[i] > value[i] || std::isnan(x[i]) ? x[i] : value[i];
                now.weight += 1;
                break;
            case Pooling::kMean:
            case Pooling::kRoot:
                for (Index i = 0; i < width; ++i) value[i] += x[i];
                now.weight += 1;
                break;
            case Pooling::kAttention: {
                const bool is_higher = scores[t] > now.peak;
                const float share = std::exp(is_higher ? now.peak - scores[t] : scores[t] - now.peak);
                if (is_higher) {
                    for (Index i = 0; i < width; ++i) value[i] = value[i] * share + x[i];
                    now = {.weight = now.weight * share + 1, .peak = scores[t]};
                } else {
                    for (Index i = 0; i < width; ++i) value[i] += share * x[i];
                    now.weight += share;
                }
                break;
            }
        }
    }
    return now;
}

// What the sum of a pool is divided by.
inline float divisor(Pooling how, float weight) noexcept {
    return how == Pooling::kRoot ? std::sqrt(weight) : weight;
}

// What a convolution over the characters of a word gives at its largest, (channels); zeros of a word without any.
//   codes (n)   table (kernel, categories, channels): what a character gives to a window, by its place there
//   bias, sum, out (channels); sum is scratch
// Code 0, and any beyond the table, stands for no character.
inline void spell(const float* codes, Index n, const float* table, Index kernel, Index categories, const float* bias,
                  Index channels, float* sum, float* out) noexcept {
    const auto code_at = [&](Index i) {
        return i >= 0 && i < n && codes[i] > 0 && codes[i] < static_cast<float>(categories)
                   ? static_cast<Index>(codes[i])
                   : 0;
    };
    bool begun = false;
    for (Index i = 0; i < n; ++i) {
        if (code_at(i) == 0) continue;
        float* const to = begun ? sum : out;
        std::copy_n(bias, channels, to);
        for (Index k = 0; k < kernel; ++k) {
            const Index code = code_at(i + k - kernel / 2);
            if (code == 0) continue;
            const float* const from = table + (k * categories + code) * channels;
            for (Index c = 0; c < channels; ++c) to[c] += from[c];
        }
        for (Index c = 0; begun && c < channels; ++c) out[c] = sum[c] > out[c] ? sum[c] : out[c];
        begun = true;
    }
    if (!begun) std::fill_n(out, channels, 0.0F);
}

}  // namespace recurra::core::arrays
