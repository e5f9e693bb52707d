#include "core/drawing.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace recurra::core {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// What drawing needs of memory, kept from one code to the next.
class Drawer {
  public:
    Drawer(const Drawing& how, std::size_t categories)
        : how_(how), is_barred_(categories, false), shares_(categories), order_(categories) {
        for (const std::int32_t code : how.barred) is_barred_[static_cast<std::size_t>(code)] = true;
    }

    std::int32_t draw(const float* answer, double uniform) {
        float largest = kNever;
        std::size_t likeliest = first_allowed();
        for (std::size_t code = 0; code < shares_.size(); ++code) {
            if (is_barred_[code] || !(answer[code] > largest)) continue;
            largest = answer[code];
            likeliest = code;
        }
        if (how_.temperature == 0 || largest == kNever) return static_cast<std::int32_t>(likeliest);
        const auto sharpness = static_cast<float>(1 / how_.temperature);
        double total = 0;
        for (std::size_t code = 0; code < shares_.size(); ++code) {
            // Not so for a NaN, nor for what is the largest and infinite.
            const bool is_possible = !is_barred_[code] && answer[code] <= largest;
            const float below = answer[code] == largest ? 0.0F : (answer[code] - largest) * sharpness;
            shares_[code] = is_possible ? std::exp(below) : 0.0F;
            total += shares_[code];
        }
        if (how_.top_k > 0 || how_.top_p < 1) return draw_from_likeliest(uniform, total);
        const double wanted = uniform * total;
        double sum = 0;
        for (std::size_t code = 0; code < shares_.size(); ++code) {
            sum += shares_[code];
            if (sum > wanted) return static_cast<std::int32_t>(code);
        }
        return static_cast<std::int32_t>(likeliest);
    }

  private:
    [[nodiscard]] std::size_t first_allowed() const {
        return static_cast<std::size_t>(std::find(is_barred_.begin(), is_barred_.end(), false) - is_barred_.begin());
    }

    std::int32_t draw_from_likeliest(double uniform, double total) {
        // By share, then by code: a heap gives as many as are wanted, which are few.
        std::iota(order_.begin(), order_.end(), 0);
        const auto is_less = [this](std::int32_t a, std::int32_t b) {
            const float x = shares_[static_cast<std::size_t>(a)];
            const float y = shares_[static_cast<std::size_t>(b)];
            return x < y || (x == y && a > b);
        };
        std::make_heap(order_.begin(), order_.end(), is_less);
        auto end = order_.end();
        const auto most = static_cast<std::ptrdiff_t>(how_.top_k > 0 ? how_.top_k : order_.size());
        double kept = 0;
        while (end != order_.begin() && order_.end() - end < most) {
            std::pop_heap(order_.begin(), end, is_less);
            const float share = shares_[static_cast<std::size_t>(*--end)];
            if (share == 0) {
                ++end;
                break;
            }
            kept += share;
            if (kept >= how_.top_p * total) break;
        }
        double sum = 0;
        for (auto next = order_.end(); next != end;) {
            sum += shares_[static_cast<std::size_t>(*--next)];
            if (sum > uniform * kept) return *next;
        }
        return *end;
    }

    const Drawing& how_;
    std::vector<bool> is_barred_;
    std::vector<float> shares_;
    std::vector<std::int32_t> order_;
};

double bits_of(const float* answer, std::size_t categories, std::int32_t code) {
    const float largest = *std::max_element(answer, answer + categories);
    double total = 0;
    for (std::size_t i = 0; i < categories; ++i) total += std::exp(answer[i] - largest);
    return (std::log(total) - static_cast<double>(answer[code] - largest)) / std::log(2.0);
}

}  // namespace

void generate(const Program& program, const Drawing& how, std::span<const double> uniforms, float* answer, float* state,
              std::int32_t* codes, double* bits) {
    const auto categories = static_cast<std::size_t>(program.output(0).size());
    Drawer drawer(how, categories);
    for (const double uniform : uniforms) {
        const std::int32_t code = drawer.draw(answer, uniform);
        *codes++ = code;
        *bits++ = bits_of(answer, categories, code);
        const auto pushed = static_cast<float>(code);
        const float* const input = &pushed;
        program.run(1, &input, &answer, &state);
    }
}

}  // namespace recurra::core
