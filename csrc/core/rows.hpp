#pragma once

#include "core/share.hpp"
#include "core/timeline.hpp"

// Rows of a timeline: where they lie at the caller's, and how they are copied to where kernels read them.
namespace recurra::core::RECURRA_ISA {

// The step that is computed as number s; -1 and T are outside, before the first and after the last or the reverse.
[[gnu::always_inline]] inline Index step_at(const Timeline& timeline, Index s) noexcept {
    return timeline.reverse ? timeline.time - 1 - s : s;
}

[[gnu::always_inline]] inline Index active_at(const Timeline& timeline, Index s) noexcept {
    return timeline.active[step_at(timeline, s)];
}

[[gnu::always_inline]] inline Index caller_row(const Timeline& timeline, Index b) noexcept {
    return timeline.order == nullptr ? b : timeline.order[b];
}

template <class T>
[[gnu::always_inline]] inline T* row_at(const Timeline& timeline, const Sequence<T>& sequence, Index t,
                                        Index b) noexcept {
    if (timeline.packed) return sequence.data + (timeline.start[t] + b) * sequence.row_stride;
    return sequence.data + t * sequence.time_stride + caller_row(timeline, b) * sequence.row_stride;
}

// Whether the caller's rows lie as they are counted here, one after the other.
template <class T>
[[gnu::always_inline]] inline bool lies_in_order(const Timeline& timeline, const Sequence<T>& sequence,
                                                 Index size) noexcept {
    if (sequence.row_stride != size) return false;
    return timeline.packed ||
           (timeline.order == nullptr && (timeline.time <= 1 || sequence.time_stride == timeline.rows * size));
}

[[gnu::always_inline]] inline bool is_reset(const Timeline& timeline, Index t, Index b) noexcept {
    if (timeline.resets == nullptr) return false;
    const Index at = timeline.packed ? timeline.start[t] + b : t * timeline.rows + caller_row(timeline, b);
    return timeline.resets[at] != 0;
}

// Columns [begin, end) of a row that has `size`: beyond those come zeros, and from null nothing else.
[[gnu::always_inline]] inline void copy_padded(const float* from, Index size, Range columns, float* to) noexcept {
    Index i = columns.begin;
    if (from != nullptr) {
        const Index end = columns.end < size ? columns.end : size;
        for (; i < end; ++i) to[i] = from[i];
    }
    for (; i < columns.end; ++i) to[i] = 0;
}

// Writes columns [begin, end) of a row that has `size`, from a padded one or, if that is null, zeros.
[[gnu::always_inline]] inline void copy_row(const float* from, Index size, Range columns, float* to) noexcept {
    const Index end = columns.end < size ? columns.end : size;
    if (from == nullptr) {
        for (Index i = columns.begin; i < end; ++i) to[i] = 0;
        return;
    }
    for (Index i = columns.begin; i < end; ++i) to[i] = from[i];
}

// Zeros where a row of the caller's has no step.
inline void blank_padding(const Timeline& timeline, const Sequence<float>& sequence, Index size, Range rows) noexcept {
    if (timeline.packed || timeline.order == nullptr) return;
    for (Index t = 0; t < timeline.time; ++t) {
        const Range idle = within(rows, {timeline.active[t], timeline.rows});
        for (Index b = idle.begin; b < idle.end; ++b) {
            copy_row(nullptr, size, {0, size}, row_at(timeline, sequence, t, b));
        }
    }
}

// Columns [begin, end) of a row of floats, whole vectors, in words; nothing where those are floats.
[[gnu::always_inline]] inline void words_of_row(const float* from, Range columns, float* to) noexcept {
    if constexpr (kInWord != 1) {
        to_words(from + columns.begin, columns.end - columns.begin, to + words_of(columns.begin));
    }
}

// Steps s in [begin, end), in the order of computing, whose rows are counted from `base`.
struct Chunk {
    Index begin = 0;
    Index end = 0;
    Index base = 0;
    Index rows = 0;
};

[[gnu::always_inline]] inline Chunk chunk_of(const Timeline& timeline, Index begin, Index end) noexcept {
    const Index first = step_at(timeline, timeline.reverse ? end - 1 : begin);
    const Index last = step_at(timeline, timeline.reverse ? begin : end - 1);
    const Index base = timeline.start[first];
    return {begin, end, base, timeline.start[last + 1] - base};
}

// As many steps from `begin` on, or until `end`, as have at most `most` rows together; at least one.
inline Chunk chunk_from(const Timeline& timeline, Index begin, Index most) noexcept {
    Index end = begin + 1;
    while (end < timeline.time && chunk_of(timeline, begin, end + 1).rows <= most) ++end;
    return chunk_of(timeline, begin, end);
}
inline Chunk chunk_until(const Timeline& timeline, Index end, Index most) noexcept {
    Index begin = end - 1;
    while (begin > 0 && chunk_of(timeline, begin - 1, end).rows <= most) --begin;
    return chunk_of(timeline, begin, end);
}

// The most rows that such a chunk has.
[[gnu::always_inline]] inline Index most_rows(const Timeline& timeline, Index most) noexcept {
    const Index rows = most > timeline.rows ? most : timeline.rows;
    return rows < timeline.total ? rows : timeline.total;
}

// The number of row 0 of step s within its chunk.
[[gnu::always_inline]] inline Index offset_in(const Timeline& timeline, const Chunk& chunk, Index s) noexcept {
    return timeline.start[step_at(timeline, s)] - chunk.base;
}

// The chunk's rows [rows.begin, rows.end) of each step, from the caller's to rows of `stride`, padded with zeros.
inline void gather(const Timeline& timeline, const Sequence<const float>& from, const Chunk& chunk, Range rows,
                   Index size, Index stride, float* to) noexcept {
    for (Index s = chunk.begin; s < chunk.end; ++s) {
        const Index t = step_at(timeline, s);
        const Range here = within(rows, {0, timeline.active[t]});
        float* const step = to + offset_in(timeline, chunk, s) * stride;
        for (Index b = here.begin; b < here.end; ++b) {
            copy_padded(row_at(timeline, from, t, b), size, {0, stride}, step + b * stride);
        }
    }
}

// The same in words.
inline void gather_words(const Timeline& timeline, const Sequence<const float>& from, const Chunk& chunk, Range rows,
                         Index size, float* to) noexcept {
    for (Index s = chunk.begin; s < chunk.end; ++s) {
        const Index t = step_at(timeline, s);
        const Range here = within(rows, {0, timeline.active[t]});
        float* const step = to + offset_in(timeline, chunk, s) * words_of(size);
        for (Index b = here.begin; b < here.end; ++b) {
            to_words(row_at(timeline, from, t, b), size, step + b * words_of(size));
        }
    }
}

// The state before each of these rows: that after the row's step before, which lies at after(t, b); the initial one
// (B, size) where there is none; zero after a reset.
template <class After>
void gather_previous(const Timeline& timeline, After after, const float* initial, const Chunk& chunk, Range rows,
                     Index size, Index stride, float* to) noexcept {
    for (Index s = chunk.begin; s < chunk.end; ++s) {
        const Index t = step_at(timeline, s);
        const Index t_before = step_at(timeline, s - 1);
        const Index known = s == 0 ? 0 : timeline.active[t_before];
        const Range here = within(rows, {0, timeline.active[t]});
        float* const step = to + offset_in(timeline, chunk, s) * stride;
        for (Index b = here.begin; b < here.end; ++b) {
            const float* row = initial == nullptr ? nullptr : initial + caller_row(timeline, b) * size;
            if (b < known) row = after(t_before, b);
            if (is_reset(timeline, t, b)) row = nullptr;
            copy_padded(row, size, {0, stride}, step + b * stride);
        }
    }
}

}  // namespace recurra::core::RECURRA_ISA
