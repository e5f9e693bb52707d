// Numbers between two ends as colours: units downwards, steps to the right, a mark at one step.

import { colour, number, t, whenColoursChange } from "./settings.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

// From dark to bright for shares; two colours around the ground's own for what has a sign.
const SHARES = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const SIGNED = {
  light: [[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]],
  dark: [[110, 190, 255], [40, 90, 150], [24, 29, 36], [150, 70, 45], [255, 150, 110]],
};

const MOST_NAMES = 24;

const isDark = () => {
  const [r, g, b] = colour("card").match(/[\d.]+/g).map(Number);
  return r + g + b < 300;
};
const scaleOf = (signed) => (signed ? SIGNED[isDark() ? "dark" : "light"] : SHARES);

function blend(scale, share) {
  const place = Math.min(1, Math.max(0, share)) * (scale.length - 1);
  const from = Math.min(scale.length - 2, Math.floor(place));
  return scale[from].map((channel, i) => channel + (scale[from + 1][i] - channel) * (place - from));
}

// `columns`: a list of steps, each a list of units. `labels`: their names, or null. `limit`: the largest magnitude, where
// there is a sign; else 0 to 1.
export function HeatMap({ columns, labels, signed, limit, mark, onMark, label, version }) {
  const place = useRef(null);
  const legend = useRef(null);
  const [colours, setColours] = useState(0);
  const [unit, setUnit] = useState(0);
  const steps = columns.length;
  const units = columns[0]?.length ?? 0;
  const low = signed ? -limit : 0;
  const shareOf = (value) => (value - low) / ((signed ? limit : 1) - low || 1);

  useEffect(() => whenColoursChange(() => requestAnimationFrame(() => setColours((count) => count + 1))), []);
  useEffect(() => {
    const scale = scaleOf(signed);
    fill(place.current, steps, units, (x, y) => blend(scale, shareOf(columns[x][y])));
    fill(legend.current, 64, 1, (x) => blend(scale, x / 63));
  }, [version, colours, signed, limit, steps]);

  const point = (event) => {
    const box = place.current.getBoundingClientRect();
    const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    setUnit(at((event.clientY - box.top) / box.height, units));
    onMark(at((event.clientX - box.left) / box.width, steps));
  };
  const keys = {
    ArrowLeft: () => onMark(Math.max(0, mark - 1)),
    ArrowRight: () => onMark(Math.min(steps - 1, mark + 1)),
    ArrowUp: () => setUnit(Math.max(0, unit - 1)),
    ArrowDown: () => setUnit(Math.min(units - 1, unit + 1)),
  };
  const seen = columns[mark]?.[Math.min(unit, units - 1)];
  return html`<figure class="heat">
    <div class="frame">
      <canvas ref=${place} tabindex="0" role="img" aria-label=${label} aria-describedby="seen"
        style=${{ height: `${Math.min(320, Math.max(96, units * 5))}px` }}
        onPointerDown=${point}
        onPointerMove=${(event) => event.buttons && point(event)}
        onKeyDown=${(event) => event.key in keys && (event.preventDefault(), keys[event.key]())}></canvas>
      <i class="mark" style=${{ left: `${(100 * (mark + 0.5)) / steps}%` }}></i>
      <i class="dot" style=${{ left: `${(100 * (mark + 0.5)) / steps}%`, top: `${(100 * (Math.min(unit, units - 1) + 0.5)) / units}%` }}></i>
    </div>
    ${labels && html`<${Names} labels=${labels} mark=${mark} />`}
    <figcaption>
      <span id="seen" aria-live="polite">${t("inside.seen", { unit: Math.min(unit, units - 1) + 1, value: number(seen, 3) })}</span>
      <span class="scale">${number(low, 3)} <canvas ref=${legend} aria-hidden="true"></canvas> ${number(signed ? limit : 1, 3)}</span>
    </figcaption>
  </figure>`;
}

// The names of columns below them; of many, only as many as there is room for.
function Names({ labels, mark }) {
  const every = Math.ceil(labels.length / MOST_NAMES);
  const shown = labels.map((label, i) => ({ label, i })).filter(({ i }) => i % every === 0 && i + every <= labels.length);
  const flat = labels.every((label) => label.length < 3);
  return html`<ol class=${`names ${flat ? "flat" : ""}`} aria-hidden="true" style=${{ gridTemplateColumns: `repeat(${labels.length}, minmax(0, 1fr))` }}>
    ${shown.map(({ label, i }) => html`<li class=${mark >= i && mark < i + every ? "marked" : ""} style=${{ gridColumn: `${i + 1} / span ${every}` }}>${label}</li>`)}
  </ol>`;
}

function fill(canvas, width, height, paint) {
  if (!canvas || !width || !height) return;
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) image.data.set([...paint(x, y), 255], 4 * (y * width + x));
  pen.putImageData(image, 0, 0);
}
