#pragma once

#include <atomic>

// Threads that work together on one call, and where they wait for each other.
namespace recurra::core {

// Calls body(argument, thread, team) on up to `threads` threads at once, thread 0 being the caller's, and returns when
// all are done. `team`, how many there are, may be smaller than asked for; it is the same for each.
//
// Where the process has loaded libgomp (torch has), its threads are borrowed: a second pool would fight for the cores
// with the first, whose idle threads spin. Otherwise, and in a process that was forked, they are our own.
void run_team(int threads, void (*body)(void* argument, int thread, int team), void* argument);

template <class Body>
void run_team(int threads, Body& body) {
    run_team(
        threads, [](void* argument, int thread, int team) { (*static_cast<Body*>(argument))(thread, team); }, &body);
}

// Nobody passes before all of a team have come. Spins: for waits of microseconds.
class Barrier {
  public:
    void wait(int team) noexcept;

  private:
    alignas(64) std::atomic<int> come_{0};
    alignas(64) std::atomic<unsigned> round_{0};
};

// How threads are made: "libgomp", or "own" where the process has none.
const char* team_kind() noexcept;

}  // namespace recurra::core
