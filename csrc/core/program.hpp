#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "core/floats.hpp"
#include "core/linear.hpp"
#include "core/recurrent.hpp"

// A whole network as a list of instructions over small arrays of floats, run for B sequences at once in one call.
//
// A value has up to three axes for each sequence, (d0, d1, d2), adjacent; d0 is time where there is time. Constants are
// the same for all sequences. Values are written once, each by one instruction, before any that reads them.
namespace recurra::core {

enum class Kind : std::uint8_t {
    // Elementwise, of two values; an axis of length 1 is repeated.
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kMaximum,
    // Elementwise, of one.
    kClip,  // to [a, b]
    kRelu,
    kTanh,
    kGelu,
    kAbs,
    kSqrt,
    // Over d0, which becomes 1.
    kSum,
    kLast,  // of values and flags: the last value whose flag isn't 0; 0 where there is none
    // Of other axes.
    kConcatenate,  // along d1; a d0 of 1 is repeated
    kSlice,        // d0 from `from`, or d1 from `from` if `axis` is 1, as many as the result has
    kTranspose,    // (d0, d1) to (d1, d0)
    kGather,       // of a constant table (n, width) and codes (d0, 1): column `from` of codes (d0, d1)
    kLinear,       // along the last axis that isn't 1
    kSort,         // along d2, ascending
    // Recurrent.
    kRun,   // a stack over d0, from the state or from 0; `axis` 1: from the last step to the first
    kCell,  // one step of a stack for each of d0, each from its own state or all from one: of x (d0, F) and h (d0, H)
            // or (1, H); a c is equal to h
    // Of sequences of any length.
    kPool,        // over d0, which becomes 1: `axis` as arrays::Pooling; of attention also scores (d0, 1)
    kPaths,       // scores (d0, L), constant transitions (L, L) and first scores (L): see arrays::extend_paths
    kSpell,       // of codes (d0, characters), a constant table (kernel, categories, channels) and bias (channels)
    kLogSoftmax,  // along the last axis that isn't 1
};

// Numbers that never change: programs share them, and so a table is kept once however many read it.
class Constant {
  public:
    Constant() = default;
    Constant(std::vector<float> numbers)  // NOLINT(*-explicit-constructor): a vector is one
        : numbers_(std::make_shared<const std::vector<float>>(std::move(numbers))) {}
    Constant(std::initializer_list<float> numbers) : Constant(std::vector<float>(numbers)) {}

    [[nodiscard]] const float* data() const noexcept { return numbers_ == nullptr ? nullptr : numbers_->data(); }
    [[nodiscard]] std::int64_t size() const noexcept {
        return numbers_ == nullptr ? 0 : static_cast<std::int64_t>(numbers_->size());
    }

  private:
    std::shared_ptr<const std::vector<float>> numbers_;
};

struct Value {
    enum class Place : std::uint8_t { kComputed, kInput, kConstant, kSame };
    std::array<std::int64_t, 3> dims{1, 1, 1};
    Place place = Place::kComputed;
    std::int32_t number = 0;  // of the input; of the value that this one shows with other axes (kSame)
    Constant constant{};

    [[nodiscard]] std::int64_t size() const noexcept { return dims[0] * dims[1] * dims[2]; }
};

// What each code gives to the gates of a stack that steps on the vectors of codes: of one sequence this is faster than
// the product.
struct CodeGates {
    std::int32_t codes = 0;  // the value that holds the code, in column `from`
    std::int64_t from = 0;
    std::int64_t categories = 0;
    std::int64_t row = 0;
    Floats gates{};  // (categories, row)
};

struct Instruction {
    Kind kind = Kind::kAdd;
    std::int32_t out = 0;
    std::vector<std::int32_t> in{};
    std::int64_t axis = 0;
    std::int64_t from = 0;
    float a = 0;
    float b = 0;
    std::shared_ptr<const Linear> linear{};
    std::shared_ptr<const Stack> stack{};
    std::shared_ptr<const CodeGates> code_gates{};  // the program's own affair
    // Where the state of kRun, kPool (d1 + 2 numbers) or kPaths (L + 1) begins in a sequence's numbers; -1: it begins
    // at 0.
    std::int64_t state = -1;
};

class Program {
  public:
    // Instructions and values that don't fit each other are the caller's mistake: std::invalid_argument says which.
    Program(std::vector<Value> values, std::vector<Instruction> instructions, std::vector<std::int32_t> outputs);

    // inputs[i] is (B, size of input i) read, outputs[i] (B, size of output i) written, states[b] the numbers of
    // sequence b, updated; null if no instruction has any. Equal for a sequence whatever others there are.
    // Several threads may run one program at once; of a large call, up to `threads` share the sequences.
    // Throws std::bad_alloc alone, before anything is written.
    void run(std::int64_t rows, const float* const* inputs, float* const* outputs, float* const* states,
             int threads = 1) const;

    [[nodiscard]] std::int64_t num_inputs() const noexcept { return static_cast<std::int64_t>(input_sizes_.size()); }
    [[nodiscard]] std::int64_t num_outputs() const noexcept { return static_cast<std::int64_t>(outputs_.size()); }
    [[nodiscard]] std::int64_t input_size(std::int64_t i) const noexcept {
        return input_sizes_[static_cast<std::size_t>(i)];
    }
    [[nodiscard]] const Value& output(std::int64_t i) const noexcept {
        return values_[static_cast<std::size_t>(outputs_[static_cast<std::size_t>(i)])];
    }
    [[nodiscard]] std::int64_t state_size() const noexcept { return state_size_; }
    // Multiplications of one sequence, about.
    [[nodiscard]] std::int64_t work() const noexcept { return work_; }

  private:
    struct Pass;

    void look_codes_up();
    [[nodiscard]] std::int32_t shown(std::int32_t v) const noexcept;  // the value that this one shows

    std::vector<Value> values_;
    std::vector<Instruction> instructions_;
    std::vector<std::int32_t> outputs_;
    std::vector<std::int64_t> input_sizes_;
    std::vector<std::int64_t> places_;  // of computed values in the memory of one sequence
    std::int64_t row_ = 0;              // floats of that memory
    std::int64_t scratch_row_ = 0;      // floats that one instruction needs besides, of one sequence
    std::int64_t state_size_ = 0;
    std::int64_t work_ = 0;
};

}  // namespace recurra::core
