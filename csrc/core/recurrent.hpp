#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>

// Whole sequences through one recurrent layer in one direction, forwards and backwards, and single steps of a stack.
//
// Letters: T steps, B rows (sequences of their own), F features of the input, H hidden units, G gate blocks.
// Weights lie as torch lays them: gate blocks of H rows one after the other, i f g o (LSTM), r z n (GRU).
// Whatever is called (T, B, H) lies row after row, features adjacent, unless strides say otherwise.
// Nothing here throws but std::bad_alloc, before anything is written; nothing checks its arguments: the binding does.
namespace recurra::core {

enum class Cell : std::uint8_t { kRnnTanh, kRnnRelu, kLstm, kPeepholeLstm, kGruResetAfter, kGruResetBefore };

// Blocks of H rows in the stacked weights: 1, 4 or 3.
[[nodiscard]] constexpr std::int64_t gates_of(Cell cell) noexcept {
    switch (cell) {
        case Cell::kRnnTanh:
        case Cell::kRnnRelu:
            return 1;
        case Cell::kLstm:
        case Cell::kPeepholeLstm:
            return 4;
        default:
            return 3;
    }
}

[[nodiscard]] constexpr bool has_memory(Cell cell) noexcept {
    return cell == Cell::kLstm || cell == Cell::kPeepholeLstm;
}

struct Layer {
    Cell cell = Cell::kLstm;
    std::int64_t features = 0;  // F
    std::int64_t hidden = 0;    // H
    // Products of numbers rounded to bfloat16, summed in float: where `has_bfloat16`, elsewhere it is as if false.
    // Gates, states and all sums are floats; streams compute with floats throughout.
    bool bfloat16 = false;
};

// How many steps each row has and where rows lie. At most one of `lengths` and `batch_sizes` is given.
//   lengths      (B)     steps of each row, 0..T, in any order; what lies beyond them is never read, and outputs and
//                        gradients there are written as 0
//   batch_sizes  (T)     torch's packed sequences: rows sorted by falling length, row b of step t is row
//                        batch_sizes[0] + .. + batch_sizes[t - 1] + b of the data; strides of time mean nothing then
//   resets       (T, B)  or (rows of the data) if packed: where it isn't 0, the state is 0 before this step
struct Steps {
    std::int64_t time = 0;  // T
    std::int64_t rows = 0;  // B
    std::span<const std::int64_t> lengths{};
    std::span<const std::int64_t> batch_sizes{};
    std::span<const std::uint8_t> resets{};
    bool reverse = false;  // from each row's last step to its first; the final state is the one after step 0
};

// Element (t, b, f) is data[t * time_stride + b * row_stride + f]; if packed, row r begins at data[r * row_stride].
template <class T>
struct Sequence {
    T* data = nullptr;
    std::int64_t time_stride = 0;
    std::int64_t row_stride = 0;
};

//   w_ih (G H, F)   w_hh (G H, H)   b_ih, b_hh (G H) or null: 0   peephole (3 H), i f o, of kPeepholeLstm alone
struct Weights {
    const float* w_ih = nullptr;
    const float* w_hh = nullptr;
    const float* b_ih = nullptr;
    const float* b_hh = nullptr;
    const float* peephole = nullptr;
};

// The same with matrices in bytes: a weight is the byte times the scale of its row, at least 0; -128 is no weight.
//   w_ih (G H, F)   scale_ih (G H)   w_hh (G H, H)   scale_hh (G H)   float_w_ih (G H, F) where w_ih is null
// What bytes are multiplied with is rounded to 16 bits, with a scale for each row and 512 numbers; a NaN or an infinity
// there makes all of a row NaN. Sums of those products are exact; the rest is computed with floats. A narrow W_ih takes
// less time, and hardly more room, in floats.
struct QuantizedWeights {
    const std::int8_t* w_ih = nullptr;
    const float* scale_ih = nullptr;
    const std::int8_t* w_hh = nullptr;
    const float* scale_hh = nullptr;
    const float* b_ih = nullptr;
    const float* b_hh = nullptr;
    const float* peephole = nullptr;
    const float* float_w_ih = nullptr;
};
using AnyWeights = std::variant<Weights, QuantizedWeights>;

// h and c are (B, H), row after row; c is null where the cell has none.
struct Forward {
    Layer layer;
    Steps steps{};
    Weights weights{};
    const float* packed = nullptr;  // the weights as a Stack keeps them, if they are; `weights` isn't read then
    Sequence<const float> x;        // (T, B, F)  read
    const float* h0 = nullptr;      // (B, H)     read; null: 0
    const float* c0 = nullptr;
    Sequence<float> out;   // (T, B, H)  written; overlaps no input
    float* h_n = nullptr;  // (B, H)     written
    float* c_n = nullptr;
    float* tape = nullptr;   // (tape_size)  written for `backward`; null: not kept
    bool recompute = false;  // the tape holds no gates: smaller, and `backward` computes them again
    int threads = 1;
};

struct Backward {
    Layer layer;
    Steps steps;
    Weights weights;
    Sequence<const float> x;
    const float* h0 = nullptr;
    const float* c0 = nullptr;
    Sequence<const float> out;    // as `forward` wrote it
    const float* tape = nullptr;  // as `forward` wrote it, with the same `recompute`
    bool recompute = false;
    Sequence<const float> grad_out;   // (T, B, H)  read; data null: 0
    const float* grad_h_n = nullptr;  // (B, H)     read; null: 0
    const float* grad_c_n = nullptr;
    // All written, none added to; null: not wanted.
    Sequence<float> grad_x;          // (T, B, F)
    float* grad_h0 = nullptr;        // (B, H)
    float* grad_c0 = nullptr;        // (B, H)
    float* grad_w_ih = nullptr;      // (G H, F)
    float* grad_w_hh = nullptr;      // (G H, H)
    float* grad_b_ih = nullptr;      // (G H)
    float* grad_b_hh = nullptr;      // (G H)
    float* grad_peephole = nullptr;  // (3 H)
    int threads = 1;
};

// How many floats `forward` writes into a tape.
[[nodiscard]] std::size_t tape_size(const Layer& layer, const Steps& steps, bool recompute) noexcept;

// Results are equal bit by bit for any number of threads, and a row's for whatever other rows there are (sums over
// rows, the gradients of weights, excepted). A NaN in one row stays in that row.
void forward(const Forward& call);
void backward(const Backward& call);

// Instruction sets compiled in that this machine has, the best first; at least one.
[[nodiscard]] std::span<const char* const> instruction_sets() noexcept;
// The one in use: the best, or what the environment variable RECURRA_ISA names.
[[nodiscard]] const char* instruction_set() noexcept;
// Whether what is in use can multiply bfloat16.
[[nodiscard]] bool has_bfloat16() noexcept;
// False, and nothing changes, if this machine has no such set. A tape and a stream belong to the set they began with.
bool use_instruction_set(const char* name) noexcept;

// Multiply-adds as fast as this machine does them from registers, on so many threads at once: 10^9 floating point
// operations a second, over about `seconds`.
[[nodiscard]] double peak_gflops(int threads, double seconds);

// A stack of layers, its weights packed once: what streams share.
class Stack;
// `layers` from the input to the output, each reading what the one before gives. The weights are copied.
[[nodiscard]] std::shared_ptr<const Stack> make_stack(std::span<const Layer> layers,
                                                      std::span<const AnyWeights> weights);
// The numbers of the state of one row, as `Stream::get_state` gives them.
[[nodiscard]] std::int64_t state_size(const Stack& stack) noexcept;

// A stack that runs one step at a time: B rows at once, each with a state of its own. Not for two threads at once.
class Stream {
  public:
    Stream(std::shared_ptr<const Stack> stack, std::int64_t rows);
    Stream(const Stream& other);  // a fork: its state goes its own way
    Stream& operator=(const Stream&) = delete;
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) = delete;
    ~Stream();

    // x (B, F of the first layer) read; out (B, H of the last layer) written. Where weights are floats, equal to
    // `forward`, bit by bit.
    void step(const float* x, float* out) noexcept;

    // The state, for each layer h (B, H) and then, where there is one, c (B, H).
    [[nodiscard]] std::size_t state_size() const noexcept;
    void get_state(float* state) const noexcept;
    void set_state(const float* state) noexcept;
    void reset() noexcept;  // to 0

    [[nodiscard]] std::int64_t rows() const noexcept;
    [[nodiscard]] std::int64_t features() const noexcept;
    [[nodiscard]] std::int64_t outputs() const noexcept;

  private:
    struct Memory;
    std::unique_ptr<Memory> memory_;
};

}  // namespace recurra::core
