// Any model of causal blocks: numbers in, one step a line; the output as bars, and over time.

import { Refusal, events, Lost } from "../api.js";
import { Guard } from "../guard.js";
import { Lines } from "../lines.js";
import { whyNot } from "../series.js";
import { number, t } from "../settings.js";
import { useStore } from "../store.js";
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";

const MOST_BARS = 24;
const MOST_WORDS = 5000; // of what was generated, shown
export const SINGLY = 48; // last steps of a sequence that are pushed one by one, so that their inside is seen

const inputsOf = (card) => Object.entries(card.network.inputs);

// Steps as somebody types them: numbers (each a step, where a step is one number), or a line for each step.
export function readSteps(text, inputs) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (!lines.length) throw new Error(t("plain.nothing"));
  const numbers = (words) =>
    words.split(/[\s,;]+/).filter(Boolean).map((word) => {
      if (whyNot(word)) throw new Error(t(whyNot(word), { word: word.slice(0, 40) }));
      return Number(word);
    });
  if (inputs.length > 1)
    return lines.map((line, i) => {
      try {
        return { x: JSON.parse(line) };
      } catch {
        throw new Error(t("plain.json", { line: i + 1 }));
      }
    });
  if (inputs[0][1] === 1) return numbers(text).map((x) => ({ x }));
  return lines.map((line, i) => {
    const x = numbers(line);
    if (x.length !== inputs[0][1]) throw new Error(t("plain.width", { line: i + 1, found: x.length, wanted: inputs[0][1] }));
    return { x };
  });
}

export function Steps({ lane, inputs, title, button, onUse, rows }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(null);
  useEffect(() => setWrong(null), [lane.steps, lane.session]);
  useEffect(() => setText(""), [lane.renewals]); // what was typed has been pushed
  const how = inputs.length > 1 ? "plain.how.named" : inputs[0][1] > 1 ? "plain.how.wide" : "plain.how.one";
  const submit = async (event) => {
    event.preventDefault();
    try {
      const steps = readSteps(text, inputs);
      setWrong(null);
      if (await onUse(steps)) setText("");
    } catch (error) {
      setWrong(error.message);
    }
  };
  const words = { inputs: inputs.map(([name, width]) => `${name} (${width})`).join(", "), width: inputs[0][1] };
  const field = { value: text, onInput: (event) => setText(event.target.value), spellcheck: false, autocomplete: "off" };
  return html`<form onSubmit=${submit} aria-label=${title}>
    <label class="wide">${t(how, words)}${rows > 1 ? html`<textarea rows=${rows} ...${field}></textarea>` : html`<input ...${field} />`}</label>
    <div class="row"><button class="main">${button}</button></div>
    ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
  </form>`;
}

function Source({ lane, card }) {
  useStore(lane);
  return html`<section class="card" aria-labelledby="source">
    <h2 id="source">${t("plain.source")}</h2>
    <${Steps} lane=${lane} inputs=${inputsOf(card)} title=${t("plain.source")} button=${t("plain.begin")} rows=${4} onUse=${(steps) => lane.begin(steps, { singly: SINGLY })} />
  </section>`;
}

// The output after each step, as far as it was looked at.
const outputsOf = (lane) => [...lane.rows.map(({ before }) => before), lane.answer].filter(Boolean).map(({ output }) => output.flat(Infinity));

function Live({ lane, card, name }) {
  useStore(lane);
  const outputs = outputsOf(lane);
  const version = `${lane.session}/${lane.steps}/${outputs.length}`;
  const last = lane.answer ? lane.answer.output.flat(Infinity) : [];
  return html`
    ${last.length ? html`<${Bars} values=${last} others=${lane.held?.output?.flat(Infinity)} />` : html`<p class="empty">${t("plain.empty")}</p>`}
    <p class="says" aria-live="polite">${last.length ? t("plain.says", { step: lane.steps, at: last.indexOf(Math.max(...last)), value: number(Math.max(...last)) }) : ""}</p>
    ${outputs.length > 1 && html`<${Guard} version=${version}><${Lines} rows=${outputs} steps=${outputs.map((_, i) => lane.steps - outputs.length + 1 + i)} label=${t("plain.lines")} version=${version} /><//>`}
    <${Steps} lane=${lane} inputs=${inputsOf(card)} title=${`${t("next.title")}, ${name}`} button=${t("next.push")} rows=${1} onUse=${(steps) => lane.pushAll(steps, { singly: SINGLY })} />
    ${card.generates && html`<${Generate} lane=${lane} />`}
  `;
}

// The largest outputs, or all where they are few.
function Bars({ values, others }) {
  const order = values.map((_, i) => i);
  if (values.length > MOST_BARS) order.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a])).length = MOST_BARS;
  order.sort((a, b) => a - b);
  const all = [...values, ...(others ?? []), 0];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const place = (value) => ({ left: `${(100 * (Math.min(value, 0) - low)) / (high - low || 1)}%`, width: `${(100 * Math.abs(value)) / (high - low || 1)}%` });
  return html`<div class="bars" role="img" aria-label=${t("plain.bars", { count: values.length })}>
    ${values.length > MOST_BARS && html`<p class="soft">${t("plain.some", { shown: MOST_BARS, count: values.length })}</p>`}
    ${order.map(
      (i) => html`<div class="bar" key=${i}><span>${i}</span><b><i style=${place(values[i])}></i>${others && html`<i class="held" style=${place(others[i])}></i>`}</b><span>${number(values[i], 3)}</span></div>`,
    )}
  </div>
  ${others && html`<ul class="legend"><li><i class="model"></i>${t("hold.said")}</li><li><i class="held"></i>${t("hold.would")}</li></ul>`}`;
}

// The model goes on by itself: each answer is drawn from and pushed.
function Generate({ lane }) {
  const [steps, setSteps] = useState(100);
  const [temperature, setTemperature] = useState(1);
  const [said, setSaid] = useState("");
  const [wrong, setWrong] = useState(null);
  const stop = useRef(null);
  const [running, setRunning] = useState(false);
  const start = async () => {
    stop.current = new AbortController();
    const words = [];
    let waiting = null; // steps come faster than a screen is drawn
    const draw = () => {
      waiting = null;
      setSaid(words.slice(-MOST_WORDS).join(""));
    };
    const take = (word) => {
      words.push(typeof word === "string" ? word : `${number(word)} `);
      waiting ??= setTimeout(draw, 50);
    };
    setSaid("");
    setWrong(null);
    setRunning(true);
    try {
      await lane.generate({ steps, temperature }, stop.current.signal, take);
    } catch (error) {
      if (error instanceof Lost) setWrong(t("lost.midway"));
      else if (error instanceof Refusal) setWrong(error.message);
      else if (error.name !== "AbortError") throw error;
    } finally {
      setRunning(false);
      draw();
    }
  };
  return html`<fieldset><legend>${t("generate.title")}</legend>
    <div class="toolbar">
      <label>${t("generate.steps")} <input type="number" min="1" max="10000" value=${steps} onInput=${(event) => setSteps(Number(event.target.value))} /></label>
      <label class="slide">${t("generate.temperature", { value: number(temperature, 2) })}<input type="range" min="0" max="2" step="0.05" value=${temperature} onInput=${(event) => setTemperature(Number(event.target.value))} /></label>
      ${running ? html`<button type="button" onClick=${() => stop.current.abort()}>${t("generate.stop")}</button>` : html`<button type="button" class="main" onClick=${start}>${t("generate.start")}</button>`}
    </div>
    ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
    <output class="generated" aria-live=${running ? "off" : "polite"}>${said}</output>
  </fieldset>`;
}

function Compare({ said, held }) {
  const [one, other] = [said, held].map(({ output }) => output.flat(Infinity));
  const apart = one.map((value, i) => Math.abs(value - other[i]));
  const most = apart.indexOf(Math.max(...apart));
  return html`<p>${t("plain.compare", { at: most, said: number(one[most]), would: number(other[most]) })}</p>`;
}

export const plain = { Source, Live, Compare, needsStep: true };
