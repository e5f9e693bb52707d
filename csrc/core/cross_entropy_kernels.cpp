// The cross-entropy of a linear map for one instruction set: see simd.hpp.
//
// Logits are computed a group of classes at a time for all rows, and each row's softmax is followed as they come. What
// is kept for the way back is the logits themselves; there, each group turns them into dL/dz while it multiplies.

#include "core/affine.hpp"
#include "core/kernels.hpp"
#include "core/logits.hpp"
#include "core/team.hpp"
#include "core/workspace.hpp"

namespace recurra::core::RECURRA_ISA {

namespace {

constexpr Index kRowsAtOnce = 128;  // whose deltas are near while they multiply
constexpr Index kTileRows4 = kTileRows<kPanelVectors>;

// Rows of features lie whole vectors apart, an odd number of them: at even ones, rows fall on few sets of the cache.
Index padded(Index features) noexcept {
    return (blocks_of(features) / 2 * 2 + 1) * kLanes;
}

int team_of(const LinearCrossEntropy& of, Index rows, Index parts) noexcept {
    constexpr Index kWorthAThread = 1U << 18U;  // multiply-adds: some microseconds, what a thread costs
    Index team = rows * of.classes * of.features / kWorthAThread;
    team = team < of.threads ? team : of.threads;
    team = team < parts ? team : parts;
    return static_cast<int>(team > 1 ? team : 1);
}

void gather(const LinearCrossEntropy& of, RowNumbers kept, Range rows, float* to) noexcept {
    const Index stride = padded(of.features);
    for (Index row = rows.begin; row < rows.end; ++row) {
        copy_padded(of.x + kept.at[row] * of.x_row, of.features, {0, stride}, to + row * stride);
    }
}

// What one part of the way forward works with: the weights and biases of a group, a tile of logits, and what was seen
// of each row.
struct ForwardMemory {
    static Index floats(Index features, Index rows) noexcept {
        return kGroup * (features + 1 + kTileRows4) + rows * Seen::kFloats;
    }
    ForwardMemory(float* memory, Index features) noexcept
        : weights(memory), bias(weights + kGroup * features), tile(bias + kGroup), seen(tile + kTileRows4 * kGroup) {}

    float* weights;
    float* bias;
    float* tile;
    float* seen;
};

// A row's softmax as one part saw it: the largest logit, the sum of e^(z - largest), the sum of z.
struct PartOfSoftmax {
    float largest;
    float exps;
    float sum;
};

PartOfSoftmax over_lanes(const Seen& seen) noexcept {
    float lanes[kLanes];
    store(lanes, seen.largest);
    float largest = lanes[0];
    for (const float lane : lanes) largest = lane > largest ? lane : largest;
    PartOfSoftmax of{largest, 0, 0};
    store(lanes, seen.exps * exp_below_0(seen.largest - largest));
    for (const float lane : lanes) of.exps += lane;
    store(lanes, seen.sum);
    for (const float lane : lanes) of.sum += lane;
    return of;
}

struct ForwardWork {
    const LinearCrossEntropyForward& call;
    RowNumbers kept;
    Parts parts;
    const float* x;          // (kept, padded F)
    PartOfSoftmax* softmax;  // (kept, class part)
    float* picked;           // (kept)  the target's logit

    void pack_group(const Group& group, const ForwardMemory& memory) const noexcept {
        const LinearCrossEntropy& of = call.of;
        const Panels panels = plain_panels(group.count);
        pack_gates<OneGate, 1>(of.weight + group.first * of.features, group.count, of.features, 0, panels.count,
                               memory.weights);
        for (Index i = 0; i < kGroup; ++i) {
            const float bias = of.bias == nullptr ? 0.0F : of.bias[group.first + (i < group.count ? i : 0)];
            memory.bias[i] = i < group.count ? bias : -__builtin_inff();
        }
    }

    void run(Index part, const ForwardMemory& memory) const noexcept {
        const LinearCrossEntropy& of = call.of;
        const Range rows = parts.rows_of(part);
        const Range groups = parts.groups_of(part);
        const Index x_row = padded(of.features);
        for (Index row = rows.begin; row < rows.end; ++row) {
            Seen::nothing().to(memory.seen + (row - rows.begin) * Seen::kFloats);
        }
        for (Index g = groups.begin; g < groups.end; ++g) {
            const Group group = parts.group(g);
            const Panels panels = plain_panels(group.count);
            pack_group(group, memory);
            float* const logits = call.logits == nullptr ? nullptr : call.logits + group.first * parts.rows;
            in_tiles(rows.begin, rows.end, kTileRows4, [&](Index first, int count) {
                float* const tile = logits == nullptr ? memory.tile : logits + first * group.width;
                for (Index p = 0; p < panels.count; ++p) {
                    product<false>(count, panels.of(p),
                                   {.a = x + first * x_row,
                                    .a_row = x_row,
                                    .depth = of.features,
                                    .last_depth = of.features,
                                    .b = memory.weights + p * panels.stride() * of.features,
                                    .b_k = panels.width(p),
                                    .init = memory.bias + p * panels.stride(),
                                    .c = tile + p * panels.stride(),
                                    .c_row = group.width});
                }
                for (Index row = first; row < first + count; ++row) {
                    const float* const z = tile + (row - first) * group.width;
                    float* const at = memory.seen + (row - rows.begin) * Seen::kFloats;
                    Seen seen = Seen::from(at);
                    seen.add(z, group.count);
                    seen.to(at);
                    const Index target = of.target[kept.at[row]] - group.first;
                    if (target >= 0 && target < group.count) picked[row] = z[target];
                }
            });
        }
        for (Index row = rows.begin; row < rows.end; ++row) {
            softmax[row * parts.of_classes + parts.class_part(part)] =
                over_lanes(Seen::from(memory.seen + (row - rows.begin) * Seen::kFloats));
        }
    }

    void finish(Range rows) const noexcept {
        const auto smoothing = static_cast<double>(call.of.smoothing);
        for (Index row = rows.begin; row < rows.end; ++row) {
            const PartOfSoftmax* const seen = softmax + row * parts.of_classes;
            float largest = seen[0].largest;
            for (Index p = 1; p < parts.of_classes; ++p) {
                largest = seen[p].largest > largest ? seen[p].largest : largest;
            }
            double exps = 0;
            double sum = 0;
            for (Index p = 0; p < parts.of_classes; ++p) {
                exps += static_cast<double>(seen[p].exps * __builtin_expf(seen[p].largest - largest));
                sum += static_cast<double>(seen[p].sum);
            }
            const auto top = static_cast<double>(largest);
            double loss = top - static_cast<double>(picked[row]);
            if (smoothing != 0) {
                loss = (1 - smoothing) * loss + smoothing * (top - sum / static_cast<double>(call.of.classes));
            }
            const Index at = kept.at[row];
            call.losses[at] = static_cast<float>(loss + __builtin_log(exps));
            call.softmax[2 * at] = largest;
            call.softmax[2 * at + 1] = static_cast<float>(exps);
        }
    }
};

// What one part of the way back works with: a group's weights, deltas of some rows, and sums over rows.
struct BackwardMemory {
    static constexpr Index kDeltaRow = kGroup + 16;  // an odd number of cache lines
    static Index floats(Index features) noexcept {
        return kGroup * (2 * padded(features) + 2) + kRowsAtOnce * kDeltaRow;
    }
    BackwardMemory(float* memory, Index features) noexcept
        : weights(memory),
          weight_sums(weights + kGroup * padded(features)),
          bias_sums(weight_sums + kGroup * padded(features)),
          deltas(bias_sums + 2 * kGroup) {}

    float* weights;
    float* weight_sums;
    float* bias_sums;  // of the rows so far, then of the last ones
    float* deltas;
};

struct BackwardWork {
    const LinearCrossEntropyBackward& call;
    RowNumbers kept;
    Parts parts;
    const float* x;      // (kept, padded F)
    float* sums_x;       // (class part, kept, padded F)         or null: not wanted
    float* sums_weight;  // (row part, V, padded F), of several  likewise
    float* sums_bias;    // (row part, V), of several            likewise

    // dL/dz of rows [begin, end) of a group, and their sum added to `sum`.
    void deltas_of(const Group& group, Range rows, float* sum, float* deltas) const noexcept {
        const LinearCrossEntropy& of = call.of;
        const float* z = call.logits + group.first * parts.rows + rows.begin * group.width;
        const Index vectors = blocks_of(group.count);
        const float shared = of.smoothing / static_cast<float>(of.classes);
        for (Index row = rows.begin; row < rows.end; ++row, z += group.width, deltas += BackwardMemory::kDeltaRow) {
            const Index at = kept.at[row];
            const float grad = call.grad_losses[at];
            const float largest = call.softmax[2 * at];
            const float scale = grad / call.softmax[2 * at + 1];
            const float shift = grad * shared;
            for (Index v = 0; v < vectors; ++v) {
                store(deltas + v * kLanes, exp_below_0(load(z + v * kLanes) - largest) * scale - shift);
            }
            const Index target = of.target[at] - group.first;
            if (target >= 0 && target < group.count) deltas[target] -= grad * (1.0F - of.smoothing);
            for (Index v = 0; v < vectors; ++v) {
                store(sum + v * kLanes, load(sum + v * kLanes) + load(deltas + v * kLanes));
            }
        }
    }

    // dL/dx of rows [begin, end) += deltas W
    void add_to_x(const Group& group, Range rows, bool is_first, const BackwardMemory& memory,
                  float* to) const noexcept {
        const Index stride = padded(call.of.features);
        in_tiles(0, blocks_of(call.of.features), kPanelVectors, [&](Index block, int vectors) {
            in_tiles(rows.begin, rows.end, tile_rows(vectors), [&](Index first, int count) {
                product<false>(count, vectors,
                               {.a = memory.deltas + (first - rows.begin) * BackwardMemory::kDeltaRow,
                                .a_row = BackwardMemory::kDeltaRow,
                                .depth = group.count,
                                .last_depth = group.count,
                                .b = memory.weights + block * kLanes,
                                .b_k = stride,
                                .c = to + first * stride + block * kLanes,
                                .c_row = stride,
                                .add = !is_first});
            });
        });
    }

    // dL/dW of the group += deltas^T x
    void add_to_weight(const Group& group, Range rows, bool is_first, const BackwardMemory& memory,
                       float* to) const noexcept {
        const Index stride = padded(call.of.features);
        const Index depth = rows.end - rows.begin;
        in_tiles(0, blocks_of(call.of.features), kPanelVectors, [&](Index block, int vectors) {
            in_tiles(0, group.count, tile_rows(vectors), [&](Index first, int count) {
                product_vectors<false, false>(count, vectors,
                                              {.a = memory.deltas + first,
                                               .a_row = 1,
                                               .a_k = BackwardMemory::kDeltaRow,
                                               .depth = depth,
                                               .last_depth = depth,
                                               .b = x + rows.begin * stride + block * kLanes,
                                               .b_k = stride,
                                               .c = to + first * stride + block * kLanes,
                                               .c_row = stride,
                                               .add = !is_first});
            });
        });
    }

    void run(Index part, const BackwardMemory& memory) const noexcept {
        const LinearCrossEntropy& of = call.of;
        const Range rows = parts.rows_of(part);
        const Range groups = parts.groups_of(part);
        const Index stride = padded(of.features);
        const bool is_only = parts.of_rows == 1;
        float* const of_x = sums_x == nullptr ? nullptr : sums_x + parts.class_part(part) * parts.rows * stride;
        for (Index g = groups.begin; g < groups.end; ++g) {
            const Group group = parts.group(g);
            const Index here = parts.row_part(part) * of.classes + group.first;
            float* const of_weight = is_only ? memory.weight_sums : sums_weight + here * stride;
            if (of_x != nullptr) {
                for (Index c = 0; c < group.count; ++c) {
                    copy_padded(of.weight + (group.first + c) * of.features, of.features, {0, stride},
                                memory.weights + c * stride);
                }
            }
            float* const bias = memory.bias_sums;
            for (Index i = 0; i < kGroup; ++i) bias[i] = 0;
            for (Index row = rows.begin; row < rows.end; row += kRowsAtOnce) {
                const Range some{row, rows.end - row < kRowsAtOnce ? rows.end : row + kRowsAtOnce};
                // Sums of sums: long ones lose digits.
                float* const of_some = bias + kGroup;
                for (Index i = 0; i < kGroup; ++i) of_some[i] = 0;
                deltas_of(group, some, of_some, memory.deltas);
                for (Index i = 0; i < kGroup; ++i) bias[i] += of_some[i];
                if (of_x != nullptr) add_to_x(group, some, g == groups.begin, memory, of_x);
                if (call.grad_weight != nullptr) {
                    add_to_weight(group, some, row == rows.begin, memory, of_weight);
                }
            }
            if (is_only && call.grad_weight != nullptr) {
                for (Index c = 0; c < group.count; ++c) {
                    copy_row(of_weight + c * stride, of.features, {0, stride},
                             call.grad_weight + (group.first + c) * of.features);
                }
            }
            float* const to_bias =
                is_only ? (call.grad_bias == nullptr ? nullptr : call.grad_bias + group.first) : sums_bias + here;
            for (Index c = 0; to_bias != nullptr && c < group.count; ++c) to_bias[c] = bias[c];
        }
    }

    // Sums of what parts gave: of thread `thread` of `team`.
    void finish(int thread, int team) const noexcept {
        const LinearCrossEntropy& of = call.of;
        const Index stride = padded(of.features);
        const auto add_rows = [&](const float* sums, Index count, Index apart, float* to) {
            for (Index f = 0; f < of.features; ++f) to[f] = sums[f];
            for (Index p = 1; p < count; ++p) {
                for (Index f = 0; f < of.features; ++f) to[f] += sums[p * apart + f];
            }
        };
        if (sums_x != nullptr) {
            const Range rows = part_of(parts.rows, thread, team);
            for (Index row = rows.begin; row < rows.end; ++row) {
                add_rows(sums_x + row * stride, parts.of_classes, parts.rows * stride,
                         call.grad_x + kept.at[row] * of.features);
            }
        }
        if (parts.of_rows == 1) return;
        const Range classes = part_of(of.classes, thread, team);
        for (Index c = classes.begin; c < classes.end; ++c) {
            if (call.grad_weight != nullptr) {
                add_rows(sums_weight + c * stride, parts.of_rows, of.classes * stride,
                         call.grad_weight + c * of.features);
            }
            if (call.grad_bias != nullptr) {
                float sum = sums_bias[c];
                for (Index p = 1; p < parts.of_rows; ++p) sum += sums_bias[p * of.classes + c];
                call.grad_bias[c] = sum;
            }
        }
    }
};

}  // namespace

void cross_entropy_forward(const LinearCrossEntropyForward& call, RowNumbers kept) {
    const LinearCrossEntropy& of = call.of;
    const Parts parts(kept.count, of.classes);
    const int threads = team_of(of, kept.count, parts.count());
    Workspace workspace;
    float* const x = workspace.floats(kept.count * padded(of.features));
    float* const softmax = workspace.floats(kept.count * parts.of_classes * 3);
    const ForwardWork work{
        call, kept, parts, x, reinterpret_cast<PartOfSoftmax*>(softmax), workspace.floats(kept.count)};
    const Index each = ForwardMemory::floats(of.features, (kept.count + parts.of_rows - 1) / parts.of_rows);
    float* const own = workspace.floats(threads * each);
    Barrier barrier;
    auto body = [&](int thread, int team) {
        const NoDenormals no_denormals;
        const ForwardMemory memory(own + thread * each, of.features);
        gather(of, kept, part_of(kept.count, thread, team), x);
        barrier.wait(team);
        const Range mine = part_of(parts.count(), thread, team);
        for (Index part = mine.begin; part < mine.end; ++part) work.run(part, memory);
        barrier.wait(team);
        work.finish(part_of(kept.count, thread, team));
    };
    run_team(threads, body);
}

void cross_entropy_backward(const LinearCrossEntropyBackward& call, RowNumbers kept) {
    const LinearCrossEntropy& of = call.of;
    const Parts parts(kept.count, of.classes);
    const int threads = team_of(of, kept.count, parts.count());
    const Index stride = padded(of.features);
    Workspace workspace;
    const auto wanted = [&](bool is_wanted, Index count) { return is_wanted ? workspace.floats(count) : nullptr; };
    float* const x = workspace.floats(kept.count * stride);
    const bool adds_rows = parts.of_rows > 1;
    const BackwardWork work{
        .call = call,
        .kept = kept,
        .parts = parts,
        .x = x,
        .sums_x = wanted(call.grad_x != nullptr, parts.of_classes * kept.count * stride),
        .sums_weight = wanted(adds_rows && call.grad_weight != nullptr, parts.of_rows * of.classes * stride),
        .sums_bias = wanted(adds_rows, parts.of_rows * of.classes),
    };
    const Index each = BackwardMemory::floats(of.features);
    float* const own = workspace.floats(threads * each);
    Barrier barrier;
    auto body = [&](int thread, int team) {
        const NoDenormals no_denormals;
        const BackwardMemory memory(own + thread * each, of.features);
        gather(of, kept, part_of(kept.count, thread, team), x);
        barrier.wait(team);
        const Range mine = part_of(parts.count(), thread, team);
        for (Index part = mine.begin; part < mine.end; ++part) work.run(part, memory);
        barrier.wait(team);
        work.finish(thread, team);
    };
    run_team(threads, body);
}

}  // namespace recurra::core::RECURRA_ISA
