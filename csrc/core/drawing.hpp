#pragma once

#include <cstdint>
#include <span>

#include "core/program.hpp"

namespace recurra::core {

// How codes are drawn from what a network says of the next one: logits, or logarithms of probabilities.
struct Drawing {
    double temperature = 1;                     // divides the logits; 0: the likeliest code
    std::int64_t top_k = 0;                     // draw from so many of the likeliest; 0: from all
    double top_p = 1;                           // draw from as few of the likeliest as have this share together
    std::span<const std::int32_t> barred = {};  // never drawn; not all codes
};

// Draws a code from `answer` (V) and steps with it, which gives the next answer, and so on, once for each of
// `uniforms`, numbers in [0, 1): the code is the one at which the running sum of shares passes the number; in the order
// of codes, or, where the likeliest are chosen, in falling order of their shares.
//   program  of one input of one number, the code, and one output of V
//   answer (V), state  updated    codes, bits (one for each of uniforms)  written
// Bits are -log2 of a code's probability, nothing being cut off, at temperature 1. NaN counts as impossible.
// Throws std::bad_alloc alone.
void generate(const Program& program, const Drawing& how, std::span<const double> uniforms, float* answer, float* state,
              std::int32_t* codes, double* bits);

}  // namespace recurra::core
