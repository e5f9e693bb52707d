#pragma once

#include "core/kernels.hpp"
#include "core/panels.hpp"
#include "core/share.hpp"

// How a table of logits, (rows, classes), is cut into parts, and the softmax of its rows, a group of classes at a time.
namespace recurra::core::RECURRA_ISA {

inline constexpr Index kGroup = 256;  // classes whose weights are near while rows go by; a whole number of panels

struct Group {
    Index first;
    Index count;  // of classes
    Index width;  // floats from one row of its logits to the next
};

// Parts of the work: some rows and some groups each. They depend on sizes alone, and never on threads, so that sums are
// made of the same sums whoever computes them; how classes are cut doesn't depend on rows.
struct Parts {
    Index rows = 0;
    Index classes = 0;
    Index groups = 0;
    Index of_classes = 0;
    Index of_rows = 0;

    Parts(Index row_count, Index class_count) noexcept
        : rows(row_count), classes(class_count), groups((class_count + kGroup - 1) / kGroup) {
        constexpr Index kEnough = 8;             // threads, or there would be nothing left to share
        constexpr Index kMost = 64;              // for each, a sum over classes for all rows is kept apart
        constexpr Index kClassesOfAPart = 1024;  // so that those sums take little of the time
        constexpr Index kRowsOfAPart = 256;
        const auto at_most = [](Index a, Index b) { return a < b ? a : b; };
        of_classes = classes / kClassesOfAPart > kEnough ? at_most(classes / kClassesOfAPart, kMost) : kEnough;
        of_classes = at_most(of_classes, groups);
        of_rows = at_most((kEnough + of_classes - 1) / of_classes, (rows + kRowsOfAPart - 1) / kRowsOfAPart);
    }

    [[nodiscard]] Index count() const noexcept { return of_classes * of_rows; }
    [[nodiscard]] Index class_part(Index part) const noexcept { return part % of_classes; }
    [[nodiscard]] Index row_part(Index part) const noexcept { return part / of_classes; }
    [[nodiscard]] Range groups_of(Index part) const noexcept { return part_of(groups, class_part(part), of_classes); }
    [[nodiscard]] Range rows_of(Index part) const noexcept { return part_of(rows, row_part(part), of_rows); }
    [[nodiscard]] Group group(Index number) const noexcept {
        const Index first = number * kGroup;
        const Index count = classes - first < kGroup ? classes - first : kGroup;
        return {first, count, logits_row(count)};
    }
};

// e^x for x of at most 0, within 2 ulp; 0 where that would be a denormal number. NaN stays NaN.
[[gnu::always_inline]] inline Vec exp_below_0(Vec x) noexcept {
    constexpr float kLeast = 87.0F;
    const Reduced r = reduced<1>(bounded(x, kLeast));
    const Vec e = scaled(slope_of_exp<1>(r.f) * r.f + 1.0F, r.n);
    return x < -kLeast ? Vec{} : e;
}

// What was seen of a row's logits, each lane for itself: the largest, the sum of e^(z - largest), the sum of z.
struct Seen {
    static constexpr Index kFloats = 3 * kLanes;

    Vec largest;
    Vec exps;
    Vec sum;

    static Seen nothing() noexcept { return {broadcast(-3.4028234664e38F), Vec{}, Vec{}}; }
    [[gnu::always_inline]] static Seen from(const float* at) noexcept {
        return {load(at), load(at + kLanes), load(at + 2 * kLanes)};
    }
    [[gnu::always_inline]] void to(float* at) const noexcept {
        store(at, largest);
        store(at + kLanes, exps);
        store(at + 2 * kLanes, sum);
    }

    // Adds a row of one group. Lanes beyond the last class hold -infinity, which only `sum` must not see.
    [[gnu::always_inline]] void add(const float* z, Index count) noexcept {
        const Index vectors = blocks_of(count);
        const Vec before = largest;
        for (Index v = 0; v < vectors; ++v) {
            const Vec next = load(z + v * kLanes);
            largest = next > largest ? next : largest;
        }
        exps *= exp_below_0(before - largest);
        for (Index v = 0; v < vectors; ++v) exps += exp_below_0(load(z + v * kLanes) - largest);
        Vec of_group{};
        Index v = 0;
        for (; (v + 1) * kLanes <= count; ++v) of_group += load(z + v * kLanes);
        sum += of_group;
        for (Index i = v * kLanes; i < count; ++i) sum[i - v * kLanes] += z[i];
    }
};

// Of these rows alone: in cross_entropy_kernels.cpp.
void cross_entropy_forward(const LinearCrossEntropyForward& call, RowNumbers kept);
void cross_entropy_backward(const LinearCrossEntropyBackward& call, RowNumbers kept);

}  // namespace recurra::core::RECURRA_ISA
