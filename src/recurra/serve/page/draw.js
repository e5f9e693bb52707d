// A series drawn by hand, from left to right; without a pointer, the paste field does the same.

import { colour, t, whenColoursChange } from "./settings.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const HEIGHT = 200;

// `points` values at even distances along the stroke; gaps are filled in a straight line.
function sample(heights, points) {
  const known = heights.map((height, x) => [x, height]).filter(([, height]) => height !== undefined);
  if (known.length < 2) return [];
  const [[start], [end]] = [known[0], known.at(-1)];
  let right = 1;
  return Array.from({ length: points }, (_, i) => {
    const x = start + ((end - start) * i) / (points - 1);
    while (right < known.length - 1 && known[right][0] < x) right += 1;
    const [[x0, y0], [x1, y1]] = [known[right - 1], known[right]];
    return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
  });
}

export function Draw({ points, onUse }) {
  const place = useRef(null);
  const heights = useRef([]);
  const last = useRef(null);
  const [count, setCount] = useState(points);
  const [low, setLow] = useState(0);
  const [high, setHigh] = useState(100);
  const [drawn, setDrawn] = useState(0);

  const paint = () => {
    const canvas = place.current;
    if (!canvas) return;
    const ratio = devicePixelRatio;
    const width = canvas.clientWidth;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.strokeStyle = colour("grid");
    for (const y of [0.25, 0.5, 0.75]) (pen.beginPath(), pen.moveTo(0, y * HEIGHT), pen.lineTo(width, y * HEIGHT), pen.stroke());
    pen.strokeStyle = colour("model");
    pen.lineWidth = 2.5;
    pen.lineJoin = "round";
    pen.beginPath();
    heights.current.forEach((height, x) => height !== undefined && pen.lineTo(x, (1 - height) * HEIGHT));
    pen.stroke();
  };
  useEffect(paint, [drawn]);
  useEffect(() => whenColoursChange(() => requestAnimationFrame(paint)), []);

  const move = (event) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const box = event.currentTarget.getBoundingClientRect();
    const x = Math.round(Math.min(box.width - 1, Math.max(0, event.clientX - box.left)));
    const y = 1 - Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    const from = last.current ?? [x, y];
    const [a, b] = [Math.min(from[0], x), Math.max(from[0], x)];
    for (let at = a; at <= b; at++) heights.current[at] = a === b ? y : from[1] + ((y - from[1]) * (at - from[0])) / (x - from[0]);
    last.current = [x, y];
    setDrawn((marks) => marks + 1);
  };
  const values = () => sample(heights.current, Math.max(2, count)).map((height) => Number((low + height * (high - low)).toPrecision(4)));
  const field = (key, value, set) => html`<label>${t(key)} <input type="number" step="any" value=${value} onInput=${(event) => event.target.value !== "" && set(Number(event.target.value))} /></label>`;

  return html`<div>
    <p>${t("draw.how")}</p>
    <canvas ref=${place} class="sheet" role="img" aria-label=${t("draw.how")}
      onPointerDown=${(event) => (event.currentTarget.setPointerCapture(event.pointerId), (last.current = null), move(event))}
      onPointerMove=${move}></canvas>
    <div class="row">${field("draw.low", low, setLow)}${field("draw.high", high, setHigh)}${field("draw.count", count, (wanted) => setCount(Math.min(5000, Math.max(2, Math.floor(wanted)))))}</div>
    <div class="row">
      <button type="button" class="main" disabled=${heights.current.filter((height) => height !== undefined).length < 2} onClick=${() => onUse(values())}>${t("source.use")}</button>
      <button type="button" onClick=${() => ((heights.current = []), setDrawn((marks) => marks + 1))}>${t("draw.clear")}</button>
    </div>
  </div>`;
}
