// Where a forecaster's series comes from: pasted, out of a file, drawn, or made up.

import { Draw } from "../draw.js";
import { Options } from "../options.js";
import { Nonsense, readSeries } from "../series.js";
import { t } from "../settings.js";
import { useStore } from "../store.js";
import { Tabs } from "../tabs.js";
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { shapeOf } from "./forecast_answer.js";

const WAYS = ["paste", "draw", "example"];

// How long a series must at least be, as far as the card tells.
const enough = (card) => Math.max(60, Math.round(1.25 * (card.inputs.chosen?.context ?? 48)));

// A season, a slow wave and noise: made up, so that there is something to see.
function madeUp(card) {
  const season = Math.max(4, card.inputs.chosen?.season ?? 12);
  const count = Math.max(enough(card), 4 * season) + 24;
  let seed = 7;
  const noise = () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5) * 12;
  const wave = (i) => 60 + 25 * Math.sin((2 * Math.PI * i) / season) + 10 * Math.sin((2 * Math.PI * i) / (3.7 * season));
  return Array.from({ length: count }, (_, i) => ({ x: Number((wave(i) + noise()).toFixed(1)), label: null }));
}

export function Source({ lane, card, spec }) {
  useStore(lane);
  const shape = shapeOf(card, spec);
  const [way, setWay] = useState(WAYS[0]);
  const [text, setText] = useState("");
  const [file, setFile] = useState(null);
  const [found, setFound] = useState(null);
  const [wrong, setWrong] = useState(null);
  const [back, setBack] = useState(0);
  const [options, setOptions] = useState({});
  const [start, setStart] = useState(() => Object.fromEntries(shape.time.map((name) => [name, String(spec.example[name])])));
  const [names, setNames] = useState({}); // of the series, where the text doesn't say
  useEffect(() => setWrong(null), [lane.session, lane.steps]);
  const several = shape.targets.length > 1;
  const ways = several ? WAYS.slice(0, 1) : WAYS;

  // A model of times must know the first one; the others follow by themselves.
  const timed = ([first, ...rest]) =>
    first.label === null && shape.time.length ? [{ x: { ...start, ...(first.x !== null && typeof first.x === "object" ? first.x : { [shape.targets[0]]: first.x }) }, label: null }, ...rest] : [first, ...rest];

  const use = ({ id, entries: given }) => {
    const entries = timed(given);
    const keep = Math.min(Math.max(0, back), entries.length - 1);
    lane.rest = entries.slice(entries.length - keep);
    const named = shape.ids.map((name) => names[name] ?? "");
    lane.begin(entries.slice(0, entries.length - keep), { id: id.length || !named.some(Boolean) ? id : named, options });
  };
  const read = (from) => {
    setFound(null);
    try {
      const { series } = readSeries(from, shape);
      setWrong(null);
      if (series.length > 1) setFound(series);
      use(series[0]);
    } catch (error) {
      if (!(error instanceof Nonsense)) throw error;
      setWrong(t(error.key, error.values));
    }
  };
  const take = async (chosen) => {
    if (!chosen) return;
    const content = await chosen.text();
    setFile(chosen.name);
    if (content.includes("\0")) return setWrong(t("series.binary", { name: chosen.name }));
    setText(content.length < 20000 ? content : "");
    read(content);
  };

  return html`<section class="card" aria-labelledby="source">
    <h2 id="source">${t("source.title")}</h2>
    <${Tabs} label=${t("source.title")} names=${ways} chosen=${way} words=${(name) => t(`source.${name}`)} onChoose=${setWay}>
      ${way === "paste" &&
      html`<form onSubmit=${(event) => (event.preventDefault(), read(text))}>
        <label class="wide">${t("source.text")}
          <textarea rows="5" spellcheck=${false} placeholder=${placeholder(shape)} value=${text}
            onInput=${(event) => setText(event.target.value)}
            onDragOver=${(event) => event.preventDefault()}
            onDrop=${(event) => event.dataTransfer.files.length && (event.preventDefault(), take(event.dataTransfer.files[0]))}></textarea>
        </label>
        <div class="row">
          <button class="main">${t("source.use")}</button>
          <label class="button">${t("source.file")}<input type="file" accept=".csv,.tsv,.txt,text/*" onChange=${(event) => (take(event.target.files[0]), (event.target.value = ""))} /></label>
          ${file && html`<span class="soft">${file}</span>`}
        </div>
      </form>`}
      ${way === "draw" && html`<${Draw} points=${enough(card)} onUse=${(values) => (setWrong(null), use({ id: [], entries: values.map((x) => ({ x, label: null })) }))} />`}
      ${way === "example" && html`<p>${t("source.example.why")}</p><button type="button" class="main" onClick=${() => (setWrong(null), use({ id: [], entries: madeUp(card) }))}>${t("source.use")}</button>`}
      ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
    <//>
    ${found &&
    html`<label>${t("source.which", { count: found.length })}
      <select onChange=${(event) => use(found[Number(event.target.value)])}>${found.map(({ id }, i) => html`<option value=${i}>${id.join(", ")}</option>`)}</select>
    </label>`}
    <details class="plain"><summary>${t("source.options")}</summary>
      <label>${t("source.back")} <input type="number" min="0" step="1" value=${back} onInput=${(event) => setBack(Math.floor(Number(event.target.value) || 0))} /></label>
      ${shape.ids.map((name) => html`<label>${t("source.name", { name })} <input value=${names[name] ?? ""} onInput=${(event) => setNames({ ...names, [name]: event.target.value })} /></label>`)}
      ${shape.time.map((name) => html`<label>${t("source.start", { name })} <input value=${start[name]} onInput=${(event) => setStart({ ...start, [name]: event.target.value })} /></label>`)}
      <${Options} schema=${spec.options} values=${options} onChange=${setOptions} />
      <p class="soft">${t("source.options.why")}</p>
    </details>
  </section>`;
}

const placeholder = ({ columns }) =>
  columns.length > 1 ? `${columns.join(",")}\n…` : "112, 118, 132, 129, 121, 135, …";
