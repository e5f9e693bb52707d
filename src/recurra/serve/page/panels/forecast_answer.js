// What a forecaster reads and says, taken apart.

import { valueOf } from "../series.js";

// The columns a forecaster reads, by the part they play.
export function shapeOf(card, spec) {
  const { columns, target } = card.inputs.table;
  return { columns: spec.columns, targets: target, time: columns.time ?? [], ids: spec.id_columns };
}

const levelsOf = (answer) => Object.keys(answer.quantiles).sort((a, b) => a - b);

// Pairs of levels around the middle, from wide to narrow.
export function intervalsOf(answer) {
  const levels = levelsOf(answer);
  return levels
    .slice(0, Math.floor(levels.length / 2))
    .map((lower, i) => ({ lower, upper: levels.at(-1 - i), share: Number((levels.at(-1 - i) - lower).toFixed(4)) }));
}

export const middleOf = (answer) => answer.quantiles["0.5"] ?? answer.mean;
// Whether it lacks numbers: what is too large for the model comes without them.
export const hasGaps = (answer) => Object.values(answer.quantiles).some((rows) => rows.flat().includes(null));
export const isReady = (answer) => Boolean(answer) && answer.ready !== false;

// Whether a row without a target says what is known ahead, or that time has gone by.
export function plansOf(card, options) {
  const { known } = card.inputs.table.columns;
  return options.plan ?? (known ?? []).length > 0;
}

// Where the next forecast begins: after the last row, or, where rows without a target are plans, the last with one.
export function endOf(rows, targets, plans) {
  if (!plans) return rows.length;
  return rows.findLastIndex(({ x }) => targets.some((target) => valueOf(x, target) !== null)) + 1;
}

// How many of the values pushed one by one fell into the interval of the forecast before, nearest to 80 %.
export function coverage(rows, targets, plans) {
  const kept = { inside: 0, of: 0, share: null };
  let end = 0;
  rows.forEach(({ x, before }, i) => {
    const values = targets.map((target) => valueOf(x, target));
    const steps = i - end; // ahead, from 0
    if (!plans || values.some((value) => value !== null)) end = i + 1;
    if (!isReady(before) || steps >= before.mean.length) return;
    const [interval] = intervalsOf(before).sort((a, b) => Math.abs(a.share - 0.8) - Math.abs(b.share - 0.8));
    if (!interval) return;
    kept.share = interval.share;
    values.forEach((value, c) => {
      const [low, high] = [interval.lower, interval.upper].map((level) => before.quantiles[level][steps][c]);
      if (value === null || low === null || high === null) return;
      kept.of += 1;
      kept.inside += low <= value && value <= high;
    });
  });
  return kept;
}
