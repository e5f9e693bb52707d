#include "core/workspace.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace recurra::core {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kLeast = std::size_t{1} << 18U;
constexpr std::size_t kLargePage = std::size_t{1} << 21U;
constexpr std::size_t kKeptAtMost = std::size_t{1} << 29U;

// Sizes come in steps of a quarter of a power of two, so that pieces fit again.
std::size_t rounded(std::size_t bytes) noexcept {
    bytes = std::max(bytes, kLeast);
    const std::size_t step = std::bit_floor(bytes) / 4;
    return (bytes + step - 1) & ~(step - 1);
}

constexpr std::align_val_t alignment_of(std::size_t bytes) noexcept {
    return std::align_val_t{bytes >= kLargePage ? kLargePage : kLine};
}

Piece make(std::size_t bytes) {
    auto* const data = static_cast<float*>(::operator new(bytes, alignment_of(bytes)));
#if defined(__linux__)
    if (bytes >= kLargePage) madvise(data, bytes, MADV_HUGEPAGE);  // only a wish: no matter if it isn't granted
#endif
    return {.data = data, .bytes = bytes};
}

void destroy(Piece piece) noexcept {
    ::operator delete(piece.data, alignment_of(piece.bytes));
}

// Never destroyed: threads may give pieces back while the process exits. Whoever finds the guard taken does without,
// which also keeps a forked child from waiting for a thread that it doesn't have.
struct Kept {
    std::mutex guard;
    std::vector<Piece> pieces;
    std::size_t bytes = 0;

    static Kept& of_process() {
        static Kept* const kept = [] {
            auto* made = new Kept;
            made->pieces.reserve(kKeptAtMost / kLeast);
            return made;
        }();
        return *kept;
    }
};

}  // namespace

Piece take_piece(std::size_t bytes) {
    bytes = rounded(bytes);
    Kept& kept = Kept::of_process();
    if (const std::unique_lock<std::mutex> lock(kept.guard, std::try_to_lock); lock.owns_lock()) {
        // The last given back is the one most likely still in the cache.
        const auto found = std::find_if(kept.pieces.rbegin(), kept.pieces.rend(),
                                        [&](const Piece& piece) { return piece.bytes == bytes; });
        if (found != kept.pieces.rend()) {
            const Piece piece = *found;
            kept.pieces.erase(std::next(found).base());
            kept.bytes -= bytes;
            return piece;
        }
    }
    return make(bytes);
}

void give_piece(Piece piece) noexcept {
    Kept& kept = Kept::of_process();
    if (piece.bytes <= kKeptAtMost) {
        const std::unique_lock<std::mutex> lock(kept.guard, std::try_to_lock);
        if (lock.owns_lock()) {
            // Room is made by what was kept longest.
            while (kept.bytes + piece.bytes > kKeptAtMost) {
                kept.bytes -= kept.pieces.front().bytes;
                destroy(kept.pieces.front());
                kept.pieces.erase(kept.pieces.begin());
            }
            kept.pieces.push_back(piece);
            kept.bytes += piece.bytes;
            return;
        }
    }
    destroy(piece);
}

Workspace::~Workspace() {
    for (const Piece& piece : pieces_) give_piece(piece);
}

float* Workspace::floats(std::int64_t count) {
    constexpr std::size_t kLineFloats = kLine / sizeof(float);
    const std::size_t size = (static_cast<std::size_t>(count) + kLineFloats - 1) / kLineFloats * kLineFloats;
    if (pieces_.empty() || (used_ + size) * sizeof(float) > pieces_.back().bytes) {
        pieces_.push_back(take_piece(size * sizeof(float)));
        used_ = 0;
    }
    float* const here = pieces_.back().data + used_;
    used_ += size;
    return here;
}

}  // namespace recurra::core
