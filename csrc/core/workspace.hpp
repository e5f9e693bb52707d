#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace recurra::core {

// Memory that is kept for the next call when it is given back (up to a bound), since fresh pages from the system cost
// as much as a short call. Large pieces ask for large pages.
struct Piece {
    float* data = nullptr;
    std::size_t bytes = 0;
};
Piece take_piece(std::size_t bytes);  // at least so many; std::bad_alloc if there are none
void give_piece(Piece piece) noexcept;

// Memory of one call, in parts that begin at cache lines.
class Workspace {
  public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace();

    float* floats(std::int64_t count);  // uninitialised

  private:
    std::vector<Piece> pieces_;
    std::size_t used_ = 0;  // floats of the last piece
};

}  // namespace recurra::core
