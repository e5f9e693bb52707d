// History and forecast as one line chart: a fan of intervals, the forecast before, and a handle for the next value.

import { colour, number, t, timeOf, whenColoursChange } from "./settings.js";
import uPlot from "./vendor/uplot.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const HEIGHT = 320;

// Dates are shown as long as they must be to tell them apart.
function shortest(labels) {
  const days = labels.every((label) => /^\d{4}-\d\d-\d\d(T00:00(:00(\.0+)?)?)?$/.test(label));
  if (days && labels.every((label) => label.slice(8, 10) === "01")) return labels.map((label) => label.slice(0, 7));
  if (days) return labels.map((label) => label.slice(0, 10));
  return labels.map((label) => timeOf(label).slice(0, 16));
}

// All of the length of `labels`; `start` is the place of the first; `bands`: {upper, lower, share}, from wide to narrow.
function columns({ start, labels, history, median, bands, before, held }) {
  const blank = labels.map(() => null);
  const sides = bands.flatMap(({ upper, lower }) => [upper, lower]);
  return [labels.map((_, i) => start + i), ...sides, before ?? blank, median, held ?? blank, history];
}

function options(props, width, said, settle) {
  const { bands, labels, start } = props;
  const short = shortest(labels);
  const model = colour("model");
  const line = (stroke, rest = {}) => ({ stroke, width: 2, points: { show: false }, spanGaps: false, ...rest });
  const side = { stroke: "transparent", width: 0, points: { show: false } };
  const axis = { stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    width,
    height: HEIGHT,
    padding: [12, 20, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: false } },
    series: [
      {},
      ...bands.flatMap(() => [side, side]),
      line(colour("before"), { width: 1.5, dash: [4, 4] }),
      line(model),
      line(colour("held"), { dash: [8, 4] }),
      line(colour("ink"), { width: 1.75, points: { show: labels.length < 90, size: 4, fill: colour("ink"), width: 0 } }),
    ],
    bands: bands.map((_, i) => ({ series: [2 * i + 1, 2 * i + 2], fill: colour(`fan-${Math.min(i, 2)}`) })),
    axes: [
      {
        ...axis,
        space: Math.max(...short.map((label) => label.length)) * 8 + 14,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000],
        size: 34,
        values: (_, ticks) => ticks.map((tick) => short[tick - start] ?? ""),
      },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => number(tick, 5)) },
    ],
    hooks: { setCursor: [({ cursor }) => said(cursor.idx)], draw: [settle] },
  };
}

// What stands at one place, in words.
function reading({ labels, history, median, bands }, at) {
  if (at === null || at === undefined || !labels[at]) return "";
  const [label] = shortest([labels[at]]);
  if (history[at] !== null && history[at] !== undefined) return `${label}: ${number(history[at])}`;
  if (median[at] === null || median[at] === undefined) return "";
  const band = bands[0];
  return `${label}: ${number(median[at])}${band ? ` (${number(band.lower[at])} – ${number(band.upper[at])})` : ""}`;
}

export function Chart(props) {
  const { label, next, onNext } = props;
  const place = useRef(null);
  const plot = useRef(null);
  const latest = useRef(props);
  const [at, setAt] = useState(null);
  const [colours, setColours] = useState(0);
  const [handle, setHandle] = useState(null);
  latest.current = props;

  // Where the handle is, once the axes are known.
  const settle = (chart) => {
    const { next: where } = latest.current;
    plot.current = chart;
    setHandle(where && { x: chart.valToPos(where.at, "x"), min: chart.scales.y.min, max: chart.scales.y.max });
  };

  useEffect(() => whenColoursChange(() => requestAnimationFrame(() => setColours((count) => count + 1))), []);
  useEffect(() => {
    const chart = new uPlot(options(props, place.current.clientWidth, setAt, settle), columns(props), place.current);
    const watcher = new ResizeObserver(() => {
      const width = place.current?.clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    });
    watcher.observe(place.current);
    return () => (watcher.disconnect(), chart.destroy(), (plot.current = null));
  }, [props.version, colours, props.held, props.target, props.span]);

  return html`<div class="chart">
    <div class="plot" role="img" aria-label=${label}><div ref=${place}></div></div>
    ${handle && next && html`<${Handle} plot=${plot} handle=${handle} next=${next} onNext=${onNext} />`}
    <p class="reading" aria-hidden="true">${reading(props, at) || "\u00a0"}</p>
  </div>`;
}

// A point to drag up and down, or to move with the arrow keys; letting go, or Enter, pushes it.
function Handle({ plot, handle, next, onNext }) {
  const [value, setValue] = useState(next.value);
  useEffect(() => setValue(next.value), [next.value, next.at]);
  const step = (handle.max - handle.min) / 100;
  const round = (wanted) => Number(Math.min(handle.max, Math.max(handle.min, wanted)).toPrecision(4));
  const drag = (event) => {
    const over = plot.current.over.getBoundingClientRect();
    setValue(round(plot.current.posToVal(event.clientY - over.top, "y")));
  };
  const keys = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
  const over = plot.current?.over;
  const y = plot.current?.valToPos(value, "y") ?? 0;
  return html`<div
    class="handle"
    role="slider"
    tabindex="0"
    aria-label=${t("next.handle")}
    aria-orientation="vertical"
    aria-valuemin=${handle.min}
    aria-valuemax=${handle.max}
    aria-valuenow=${value}
    title=${t("next.handle")}
    style=${{ left: `${(over?.offsetLeft ?? 0) + handle.x}px`, top: `${(over?.offsetTop ?? 0) + y}px` }}
    onPointerDown=${(event) => (event.currentTarget.setPointerCapture(event.pointerId), drag(event))}
    onPointerMove=${(event) => event.currentTarget.hasPointerCapture(event.pointerId) && drag(event)}
    onPointerUp=${(event) => event.currentTarget.hasPointerCapture(event.pointerId) && onNext(value)}
    onKeyDown=${(event) => {
      if (event.key in keys) (event.preventDefault(), setValue(round(value + keys[event.key] * step)));
      if (event.key === "Enter") onNext(value);
    }}
  ><output>${number(value)}</output></div>`;
}
