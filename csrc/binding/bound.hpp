#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "binding/floats.hpp"
#include "core/program.hpp"

namespace recurra::binding {

// Letting go of the GIL and taking it back costs a tenth of a microsecond; some 10 microseconds of work are worth it.
inline constexpr std::int64_t kWorkWorthReleasing = 500'000;

// A network without a state that looks at the same arrays again and again, from another place on each time: nothing is
// checked, sliced or made anew but once.
class Bound {
  public:
    // For each input an array and whether it moves: (1 or B, length, width), of which as many steps as the network
    // wants are looked at; or, if it doesn't, the input itself, (B, ...). `outputs` are written, (B, ...).
    Bound(nb::object holder, const core::Program& program, const nb::list& inputs, std::int64_t rows,
          const nb::list& outputs)
        : holder_(std::move(holder)), program_(&program), rows_(rows) {
        expect(static_cast<std::int64_t>(inputs.size()) == program.num_inputs() &&
                   static_cast<std::int64_t>(outputs.size()) == program.num_outputs() && rows >= 1 &&
                   program.state_size() == 0,
               "A network is bound to an array for each input and output, and has no state.");
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const auto pair = nb::cast<nb::tuple>(inputs[i]);
            sources_.emplace_back(pair[0], nb::cast<bool>(pair[1]), program.input_size(static_cast<std::int64_t>(i)),
                                  rows);
            from_.push_back(sources_.back().gathered.empty() ? sources_.back().floats->data()
                                                             : sources_.back().gathered.data());
        }
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            written_.push_back(std::make_unique<Floats>(outputs[i], PyBUF_WRITABLE));
            written_.back()->check_size("An output", rows * program.output(static_cast<std::int64_t>(i)).size());
            to_.push_back(written_.back()->data());
        }
    }

    // Looks at what moves from step `at` on.
    void run(std::int64_t at) {
        if (busy_.exchange(true, std::memory_order_acquire)) {
            throw std::runtime_error("This session is pushed to already, in another thread. Fork it first.");
        }
        const Busy busy(busy_);
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            Source& source = sources_[i];
            if (source.width == 0) continue;
            expect(at >= 0 && at <= (source.row - source.size) / source.width, "There are no such steps.");
            const float* const begin = source.floats->data() + at * source.width;
            if (source.gathered.empty()) {
                from_[i] = begin;
                continue;
            }
            for (std::int64_t r = 0; r < rows_; ++r) {
                std::copy_n(begin + (source.is_shared ? 0 : r * source.row), source.size,
                            source.gathered.data() + r * source.size);
            }
        }
        if (program_->work() * rows_ < kWorkWorthReleasing) {
            program_->run(rows_, from_.data(), to_.data(), nullptr);
        } else {
            const nb::gil_scoped_release release;
            program_->run(rows_, from_.data(), to_.data(), nullptr);
        }
    }

  private:
    struct Source {
        Source(nb::handle array, bool moves, std::int64_t wanted, std::int64_t rows)
            : floats(std::make_unique<Floats>(array, PyBUF_SIMPLE | PyBUF_STRIDES)), size(wanted) {
            if (!moves) {
                floats->check_size("An input", rows * wanted);
                return;
            }
            expect(floats->axes() == 3 && (floats->axis(0) == rows || floats->axis(0) == 1),
                   "What moves is of shape (rows, steps, width).");
            width = floats->axis(2);
            row = floats->axis(1) * width;
            is_shared = floats->axis(0) < rows;
            floats->check_size("An input", (is_shared ? 1 : rows) * row);
            expect(wanted % std::max<std::int64_t>(width, 1) == 0 && wanted <= row,
                   "What moves has another width than the input, or too few steps.");
            if (rows > 1) gathered.resize(static_cast<std::size_t>(rows * wanted));
        }

        std::unique_ptr<Floats> floats;
        std::int64_t size;              // of the input, for one row
        std::int64_t width = 0;         // from one step to the next; 0: it doesn't move
        std::int64_t row = 0;           // from one row to the next
        bool is_shared = false;         // one row for all
        std::vector<float> gathered{};  // of several rows, which lie apart in the array
    };

    struct Busy {
        explicit Busy(std::atomic<bool>& flag) noexcept : flag(&flag) {}
        Busy(const Busy&) = delete;
        Busy(Busy&&) = delete;
        Busy& operator=(const Busy&) = delete;
        Busy& operator=(Busy&&) = delete;
        ~Busy() { flag->store(false, std::memory_order_release); }
        std::atomic<bool>* flag;
    };

    nb::object holder_;  // of the program
    const core::Program* program_;
    std::int64_t rows_;
    std::vector<Source> sources_;
    std::vector<std::unique_ptr<Floats>> written_;
    std::vector<const float*> from_;
    std::vector<float*> to_;
    std::atomic<bool> busy_{false};
};

}  // namespace recurra::binding
