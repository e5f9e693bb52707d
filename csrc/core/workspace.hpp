#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace recurra::core {

// Memory for one call, in pieces that begin at cache lines. A thread keeps what its last call needed (up to a bound),
// since fresh pages from the system cost more than a short call.
class Workspace {
  public:
    struct Block;

    Workspace();
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace();

    // Uninitialised; std::bad_alloc if there is none.
    float* floats(std::int64_t count);

  private:
    std::vector<Block> blocks_;
    std::size_t used_ = 0;   // of the last block
    std::size_t total_ = 0;  // of all blocks
};

}  // namespace recurra::core
