// The inside of every recurrent layer, live: gates and memory as steps go by, back in time, and gates held shut.

import { HeatMap } from "./heatmap.js";
import { named, number, t, visible } from "./settings.js";
import { useStore } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

const SIGNED = new Set(["g", "n", "a", "hidden", "memory"]); // what tanh gives, or isn't squashed; gates lie between 0 and 1

const nameOf = (trace) => `${trace.branch}.${trace.layer}`;
const partsOf = (trace) => [...trace.gates, "hidden", ...(trace.memory ? ["memory"] : [])];

// (steps, units) of one part of a layer.
function numbersOf(trace, part) {
  if (part === "hidden" || part === "memory") return trace[part];
  const gate = trace.gates.indexOf(part);
  return trace.values.map((step) => step[gate]);
}

// The columns to see: where each step has its own, those of all computations in a row, without what was read again by
// the one after; else none, and one computation is seen at a time.
function stripOf(frames, traceOf) {
  if (!frames.every((frame) => frame.labels.length || traceOf(frame)?.hidden.length === 1)) return null;
  return frames.flatMap((frame, i) => {
    const count = (traceOf(frame)?.hidden.length ?? 0) - (i < frames.length - 1 ? frame.open : 0);
    return Array.from({ length: count }, (_, column) => ({ frame, column, label: frame.labels[column] }));
  });
}

export function Inside({ lane, card, panel, choice }) {
  useStore(lane);
  const [layer, setLayer] = useState(null);
  const [part, setPart] = useState(null);
  const [back, setBack] = useState(0); // computations ago
  const [mark, setMark] = useState(null); // a step within a computation; null: the last
  const { frames } = lane;
  if (!frames.length) return html`<section class="card" aria-labelledby="inside"><h2 id="inside">${t("inside.title")}</h2>${choice}<p class="empty">${t(lane.steps && lane.needsStep ? "inside.next" : "inside.empty")}</p></section>`;
  const layers = frames.at(-1).traces.map(nameOf);
  const chosen = layers.includes(layer) ? layer : layers[0];
  const traceOf = (frame) => frame.traces.find((trace) => nameOf(trace) === chosen);
  const sample = traceOf(frames.at(-1));
  if (!sample) return html`<section class="card" aria-labelledby="inside"><h2 id="inside">${t("inside.title")}</h2>${choice}<p class="empty">${t("inside.none")}</p></section>`;
  const parts = partsOf(sample);
  const shown = parts.includes(part) ? part : parts[0];
  const strip = stripOf(frames, traceOf);
  const places = strip ?? frames;
  const ago = Math.min(back, places.length - 1);
  const now = places.length - 1 - ago;
  const columns = strip ? strip.map(({ frame, column }) => numbersOf(traceOf(frame), shown)[column]) : numbersOf(traceOf(frames[now]), shown);
  const labels = strip?.some(({ label }) => label !== undefined) ? strip.map(({ label }) => visible(label ?? "")) : null;
  const { step } = strip ? strip[now].frame : frames[now];
  const at = strip ? now : Math.min(mark ?? columns.length - 1, columns.length - 1);
  const signed = SIGNED.has(shown);
  const limit = signed ? Math.max(1, ...columns.flat().map(Math.abs)) : 1;
  const mean = columns[at].reduce((sum, value) => sum + value, 0) / columns[at].length;
  const gateWords = named("gate", `${sample.cell}.${shown}`);
  return html`<section class="card" aria-labelledby="inside">
    <h2 id="inside">${t("inside.title")}</h2>
    ${choice}
    <p class="soft">${t(labels ? "inside.words" : strip ? "inside.strip" : "inside.window", { steps: columns.length })}</p>
    <div class="toolbar">
      <label>${t("inside.layer")} <select value=${chosen} onChange=${(event) => setLayer(event.target.value)}>${frames.at(-1).traces.map((trace) => html`<option value=${nameOf(trace)}>${t("inside.layer.name", { branch: trace.branch, layer: trace.layer + 1, cell: trace.cell.toUpperCase(), units: trace.hidden[0].length })}</option>`)}</select></label>
      <fieldset class="choice"><legend>${t("inside.part")}</legend>
        ${parts.map((each) => html`<label><input type="radio" name="part" checked=${each === shown} onChange=${() => setPart(each)} /><span>${named("part", each)}</span></label>`)}
      </fieldset>
    </div>
    <p>${gateWords}</p>
    <${HeatMap}
      columns=${columns} labels=${labels} signed=${signed} limit=${limit} mark=${at}
      onMark=${(wanted) => (strip ? setBack(places.length - 1 - wanted) : setMark(wanted))}
      version=${`${lane.session}/${lane.steps}/${frames.length}/${now}/${chosen}/${shown}`}
      label=${t("inside.map", { part: named("part", shown), units: columns[0].length, steps: columns.length })}
    />
    <label class="slide">${t("inside.back")}
      <input type="range" min="0" max=${places.length - 1} value=${now} disabled=${places.length < 2}
        aria-valuetext=${labels ? labels[now] : t("inside.step", { step })}
        onInput=${(event) => setBack(places.length - 1 - Number(event.target.value))} />
    </label>
    <p class="says" aria-live="polite">${t(labels ? "inside.says.word" : "inside.says", { step, word: labels?.[now], part: named("part", shown), mean: number(mean, 3), column: at + 1, columns: columns.length })}</p>
    <${Hold} lane=${lane} card=${card} panel=${panel} layers=${frames.at(-1).traces} chosen=${chosen} />
  </section>`;
}

// A gate fixed at a value, and what would have been said then.
function Hold({ lane, card, panel, layers, chosen }) {
  const cells = layers.find((trace) => nameOf(trace) === chosen);
  const [gate, setGate] = useState(null);
  const [everywhere, setEverywhere] = useState(true);
  const [value, setValue] = useState(0);
  const letter = cells.gates.includes(gate) ? gate : cells.gates[0];
  const low = SIGNED.has(letter) ? -1 : 0;
  const hold = (changes = {}) => {
    const wanted = { letter, everywhere, value, ...changes };
    const where = wanted.everywhere ? wanted.letter : `${chosen}.${wanted.letter}`;
    return lane.holdAt({ [where]: wanted.value });
  };
  const set = (change) => lane.hold && hold(change);
  return html`<fieldset class="hold"><legend>${t("hold.title")}</legend>
    <p class="soft">${t("hold.why")}</p>
    <div class="toolbar">
      <label>${t("hold.gate")} <select value=${letter} onChange=${(event) => (setGate(event.target.value), set({ letter: event.target.value }))}>${cells.gates.map((each) => html`<option value=${each}>${named("part", each)}</option>`)}</select></label>
      <label class="check"><input type="checkbox" checked=${everywhere} onChange=${(event) => (setEverywhere(event.target.checked), set({ everywhere: event.target.checked }))} /> ${t("hold.everywhere")}</label>
      <label class="slide">${t("hold.value", { value: number(value, 2) })}
        <input type="range" min=${low} max="1" step="0.05" value=${value} onInput=${(event) => setValue(Number(event.target.value))} onChange=${(event) => set({ value: Number(event.target.value) })} />
      </label>
      ${lane.hold
        ? html`<button type="button" onClick=${() => lane.holdAt(null)}>${t("hold.release")}</button>`
        : html`<button type="button" class="main" onClick=${() => hold()}>${t("hold.start")}</button>`}
    </div>
    <div aria-live="polite">
      ${lane.hold && (lane.held ? html`<${panel.Compare} said=${lane.answer} held=${lane.held} card=${card} lane=${lane} />` : html`<p class="soft">${t("hold.next")}</p>`)}
    </div>
  </fieldset>`;
}
