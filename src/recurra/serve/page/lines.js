// Numbers over steps as lines: the first few of many. `steps` says after which one each row stood.

import { colour, number, whenColoursChange } from "./settings.js";
import uPlot from "./vendor/uplot.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const MOST = 6;

export function Lines({ rows, steps, label, names, version }) {
  const place = useRef(null);
  const [colours, setColours] = useState(0);
  useEffect(() => whenColoursChange(() => requestAnimationFrame(() => setColours((count) => count + 1))), []);
  useEffect(() => {
    const count = Math.min(MOST, rows[0].length);
    const axis = { stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1 }, font: "12px system-ui, sans-serif" };
    const lines = Array.from({ length: count }, (_, i) => ({ stroke: colour(`line-${i}`), width: 1.75, points: { show: rows.length < 40 } }));
    const chart = new uPlot(
      {
        width: place.current.clientWidth,
        height: 200,
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        scales: { x: { time: false } },
        series: [{}, ...lines],
        axes: [{ ...axis, size: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => number(tick, 4)) }],
      },
      [steps, ...lines.map((_, i) => rows.map((row) => row[i]))],
      place.current,
    );
    const watcher = new ResizeObserver(() => place.current && chart.setSize({ width: place.current.clientWidth, height: 200 }));
    watcher.observe(place.current);
    return () => (watcher.disconnect(), chart.destroy());
  }, [version, colours]);
  const count = Math.min(MOST, rows[0].length);
  return html`<div class="plot" role="img" aria-label=${label}><div ref=${place}></div></div>
    <ul class="legend" aria-hidden="true">${Array.from({ length: count }, (_, i) => html`<li><i class=${`line-${i}`}></i>${names?.[i] ?? i}</li>`)}</ul>`;
}
