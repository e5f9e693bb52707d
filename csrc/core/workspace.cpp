#include "core/workspace.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

namespace recurra::core {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kLeast = std::size_t{1} << 18U;
constexpr std::size_t kKeptAtMost = std::size_t{256} << 20U;

struct Release {
    void operator()(std::byte* data) const noexcept { ::operator delete(data, std::align_val_t{kLine}); }
};

}  // namespace

struct Workspace::Block {
    std::unique_ptr<std::byte, Release> data;
    std::size_t size = 0;
};

namespace {

struct Kept {
    Workspace::Block block;
    std::size_t wanted = kLeast;
};

thread_local Kept kept;

}  // namespace

Workspace::Workspace() {
    if (kept.block.size != 0) {
        total_ = kept.block.size;
        blocks_.push_back(std::exchange(kept.block, {}));
    }
}

Workspace::~Workspace() {
    if (total_ > kKeptAtMost) return;
    if (blocks_.size() == 1) {
        kept.block = std::move(blocks_.front());
    } else {
        kept.wanted = std::max(kept.wanted, total_);  // next time in one piece
    }
}

float* Workspace::floats(std::int64_t count) {
    const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(float) + kLine - 1) / kLine * kLine;
    if (blocks_.empty() || used_ + bytes > blocks_.back().size) {
        const std::size_t size = std::max(bytes, blocks_.empty() ? kept.wanted : kLeast);
        blocks_.push_back({{static_cast<std::byte*>(::operator new(size, std::align_val_t{kLine})), {}}, size});
        total_ += size;
        used_ = 0;
    }
    std::byte* const here = blocks_.back().data.get() + used_;
    used_ += bytes;
    return reinterpret_cast<float*>(here);
}

}  // namespace recurra::core
