#include "core/team.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace recurra::core {

namespace {

using Body = void (*)(void* argument, int thread, int team);

void pause_briefly() noexcept {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// A forked child has none of its parent's threads: libgomp waits for them forever, and a pool must be made anew. Told
// from the start, since the parent may have used libgomp before it ever comes here.
std::atomic<int> forks{0};
#if defined(__unix__) || defined(__APPLE__)
[[maybe_unused]] const int told_of_forks = pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
#endif

// Threads of our own, which sleep between calls. One call at a time has them; another meanwhile works alone.
class Pool {
  public:
    // Never destroyed: its threads may outlive what runs at exit, and in a forked child they don't exist.
    static Pool& of_process() {
        static std::atomic<Pool*> pool{nullptr};
        Pool* known = pool.load(std::memory_order_acquire);
        while (known == nullptr || known->born_ != forks.load()) {
            auto* const made = new Pool;
            if (pool.compare_exchange_strong(known, made, std::memory_order_acq_rel)) return *made;
            delete made;
        }
        return *known;
    }

    void run(int threads, Body body, void* argument) {
        const std::unique_lock<std::mutex> mine(in_use_, std::try_to_lock);
        if (!mine.owns_lock()) {
            body(argument, 0, 1);
            return;
        }
        try {
            while (static_cast<int>(workers_.size()) < threads - 1) {
                workers_.emplace_back([this, thread = static_cast<int>(workers_.size()) + 1] { work(thread); });
                workers_.back().detach();
            }
        } catch (const std::system_error&) {
            threads = static_cast<int>(workers_.size()) + 1;  // as many as the system gives
        }
        {
            const std::scoped_lock lock(guard_);
            body_ = body;
            argument_ = argument;
            team_ = threads;
            running_ = threads - 1;
            ++call_;
        }
        wake_.notify_all();
        body(argument, 0, threads);
        std::unique_lock<std::mutex> lock(guard_);
        done_.wait(lock, [this] { return running_ == 0; });
    }

  private:
    void work(int thread) {
        unsigned seen = 0;
        std::unique_lock<std::mutex> lock(guard_);
        for (;;) {
            wake_.wait(lock, [&] { return call_ != seen; });
            seen = call_;
            if (thread >= team_) continue;
            const Body body = body_;
            void* const argument = argument_;
            const int team = team_;
            lock.unlock();
            body(argument, thread, team);
            lock.lock();
            if (--running_ == 0) done_.notify_one();
        }
    }

    std::mutex in_use_, guard_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    Body body_ = nullptr;
    void* argument_ = nullptr;
    int team_ = 0;
    int running_ = 0;
    unsigned call_ = 0;
    int born_ = forks.load();
};

// libgomp's own entry points: what a compiler emits for `#pragma omp parallel`.
struct Gomp {
    void (*parallel)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
    int (*thread)() = nullptr;
    int (*team)() = nullptr;
};

// Null if the process hasn't loaded it. Not remembered when it hasn't: torch may be imported later.
const Gomp* gomp() noexcept {
    static std::atomic<const Gomp*> found{nullptr};
    if (const Gomp* known = found.load(std::memory_order_acquire)) return known;
#if defined(__linux__)
    void* library = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) return nullptr;
    static Gomp functions;
    Gomp here;
    here.parallel = reinterpret_cast<decltype(here.parallel)>(dlsym(library, "GOMP_parallel"));
    here.thread = reinterpret_cast<decltype(here.thread)>(dlsym(library, "omp_get_thread_num"));
    here.team = reinterpret_cast<decltype(here.team)>(dlsym(library, "omp_get_num_threads"));
    if (here.parallel == nullptr || here.thread == nullptr || here.team == nullptr) return nullptr;
    static std::once_flag once;
    std::call_once(once, [&] {
        functions = here;
        found.store(&functions, std::memory_order_release);
    });
    return found.load(std::memory_order_acquire);
#else
    return nullptr;
#endif
}

}  // namespace

void run_team(int threads, Body body, void* argument) {
    if (threads <= 1) {
        body(argument, 0, 1);
        return;
    }
    if (const Gomp* shared = forks.load(std::memory_order_relaxed) != 0 ? nullptr : gomp()) {
        struct Shared {
            const Gomp* gomp;
            Body body;
            void* argument;
        } call{.gomp = shared, .body = body, .argument = argument};
        shared->parallel(
            [](void* data) {
                const Shared& s = *static_cast<Shared*>(data);
                s.body(s.argument, s.gomp->thread(), s.gomp->team());
            },
            &call, static_cast<unsigned>(threads), 0);
        return;
    }
    Pool::of_process().run(threads, body, argument);
}

const char* team_kind() noexcept {
    return forks.load() == 0 && gomp() != nullptr ? "libgomp" : "own";
}

void Barrier::wait(int team) noexcept {
    if (team == 1) return;
    const unsigned round = round_.load(std::memory_order_relaxed);
    if (come_.fetch_add(1, std::memory_order_acq_rel) + 1 == team) {
        come_.store(0, std::memory_order_relaxed);
        round_.store(round + 1, std::memory_order_release);
        return;
    }
    // With more threads than cores the last to come may need this very core: give it away soon.
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
        if (spins < 2000) {
            pause_briefly();
        } else {
            std::this_thread::yield();
        }
    }
}

}  // namespace recurra::core
