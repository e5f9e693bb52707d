// Language models: a text is read as it is typed, each piece coloured by its surprise, and the model writes on.

import { Lost, Refusal } from "../api.js";
import { number, percent, t, visible } from "../settings.js";
import { Shares } from "../shares.js";
import { useStore } from "../store.js";
import { Typing, answersOf, textOf } from "../typing.js";
import { html, useRef, useState } from "../vendor/preact-htm.js";

const LEVELS = [0.5, 1, 2, 4, 8]; // bits at which the next colour begins
const MOST_PIECES = 4000; // shown
const FRAME = 50; // milliseconds between two looks at what is being written

const levelOf = (bits) => LEVELS.filter((level) => bits >= level).length;

// What was read, with what each piece cost as far as that is known, and then what is being written.
function piecesOf(lane, written) {
  const read = answersOf(lane).flatMap(({ surprise }) => surprise).concat(lane.answer?.open ?? []);
  const text = textOf(lane);
  const known = read.reduce((length, { piece }) => length + piece.length, 0);
  const before = text.length > known ? [{ piece: text.slice(0, text.length - known), bits: null }] : [];
  return [...before, ...read, ...written];
}

function Coloured({ pieces }) {
  return html`<p class="surprise" dir="auto">${pieces.length > MOST_PIECES ? "… " : ""}${pieces.slice(-MOST_PIECES).map(({ piece, bits }) =>
    bits === null ? piece : html`<span class=${`bits-${levelOf(bits)}`} title=${t("generate.bits", { piece: visible(piece), bits: number(bits, 3) })}>${piece.replace(/\n/g, "↵\n")}</span>`,
  )}</p>
  <ul class="legend scale" aria-label=${t("generate.scale")}>${[0, ...LEVELS].map((level, i) => html`<li><i class=${`swatch bits-${i}`}></i>${i < LEVELS.length ? `${number(level)}–${number(LEVELS[i])}` : `≥ ${number(level)}`}</li>`)}<li>${t("generate.scale")}</li></ul>`;
}

function Live({ lane, name }) {
  useStore(lane);
  const [written, setWritten] = useState([]);
  const [running, setRunning] = useState(false);
  const shown = useRef([]); // stays while the session reads what it wrote
  if (!(running && !lane.rows.length && !written.length)) shown.current = piecesOf(lane, written);
  const pieces = shown.current;
  const costs = pieces.map(({ bits }) => bits).filter((bits) => bits !== null);
  const most = pieces.reduce((found, each) => (each.bits > (found?.bits ?? -1) ? each : found), null);
  return html`
    <${Typing} lane=${lane} name=${name} still=${running} />
    <${Writer} lane=${lane} running=${running} onRun=${setRunning} onWrite=${setWritten} />
    ${pieces.length ? html`<${Coloured} pieces=${pieces} />` : html`<p class="empty">${t("generate.empty")}</p>`}
    <p class="says" aria-live=${running ? "off" : "polite"}>${costs.length ? t("generate.says", { count: number(costs.length, 6), mean: number(costs.reduce((a, b) => a + b, 0) / costs.length, 3), piece: visible(most.piece), bits: number(most.bits, 3) }) : ""}</p>
    ${lane.answer && !running && html`<h3>${t("generate.next")}</h3><${Next} answer=${lane.answer} held=${lane.held} />`}
  `;
}

function Next({ answer, held }) {
  const others = new Map(held?.next.map(({ piece, p }) => [piece, p]));
  const items = answer.next.map(({ piece, p }) => ({ name: visible(piece), share: p, other: held ? (others.get(piece) ?? 0) : null }));
  return html`<${Shares} items=${items} label=${t("generate.next")} />`;
}

// How to write on, and the buttons that begin and end it.
function Writer({ lane, running, onRun, onWrite }) {
  const [wishes, setWishes] = useState({ steps: 200, temperature: 0.8, top_k: "", top_p: "", stop: "" });
  const [wrong, setWrong] = useState(null);
  const stopper = useRef(null);
  const set = (name) => (event) => setWishes({ ...wishes, [name]: event.target.value });
  const start = async (event) => {
    event.preventDefault();
    stopper.current = new AbortController();
    setWrong(null);
    onRun(true);
    await lane.written();
    const count = lane.rows.length;
    const pieces = [];
    let waiting = null; // pieces come faster than a screen is drawn
    const take = (piece) => {
      pieces.push(piece);
      waiting ??= setTimeout(() => ((waiting = null), onWrite([...pieces])), FRAME);
    };
    try {
      await lane.generate(asked(wishes), stopper.current.signal, take);
    } catch (error) {
      if (error instanceof Lost) setWrong(t("lost.midway"));
      else if (error instanceof Refusal) setWrong(error.message);
      else if (error.name !== "AbortError") throw error;
    }
    clearTimeout(waiting);
    onWrite(pieces);
    // What it wrote is part of the text from now on, as if it had been typed; wherever it was stopped.
    const text = pieces.map(({ piece }) => piece).join("");
    if ((await lane.rewind(count)) && text) await lane.push(text);
    onWrite([]);
    onRun(false);
  };
  return html`<form onSubmit=${start} aria-label=${t("generate.title")}>
    <div class="toolbar">
      <label class="slide">${t("generate.temperature", { value: number(Number(wishes.temperature), 2) })}<input type="range" min="0" max="2" step="0.05" value=${wishes.temperature} onInput=${set("temperature")} /></label>
      <label>${t("generate.length")} <input type="number" min="1" max="10000" required value=${wishes.steps} onInput=${set("steps")} /></label>
      <label title=${t("generate.top_k.why")}>top-k <input type="number" min="1" step="1" placeholder=${t("generate.all")} value=${wishes.top_k} onInput=${set("top_k")} /></label>
      <label title=${t("generate.top_p.why")}>top-p <input type="number" min="0.01" max="1" step="0.01" placeholder="1" value=${wishes.top_p} onInput=${set("top_p")} /></label>
      <label title=${t("generate.until.why")}>${t("generate.until")} <input class="short" maxlength="200" spellcheck=${false} autocomplete="off" value=${wishes.stop} onInput=${set("stop")} /></label>
      ${running ? html`<button type="button" onClick=${() => stopper.current.abort()}>${t("generate.stop")}</button>` : html`<button class="main">${t("generate.start")}</button>`}
    </div>
    ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
  </form>`;
}

// What was wished, as the server takes it; \n stands for the end of a line.
function asked({ steps, temperature, top_k, top_p, stop }) {
  const body = { steps: Number(steps), temperature: Number(temperature) };
  if (top_k !== "") body.top_k = Number(top_k);
  if (top_p !== "") body.top_p = Number(top_p);
  if (stop !== "") body.stop = [stop.replace(/\\n/g, "\n")];
  return body;
}

function Compare({ said, held }) {
  const [one, other] = [said, held].map(({ next }) => next[0]);
  return html`<p>${t("generate.compare", { said: visible(one.piece), share: percent(one.p), would: visible(other.piece), other: percent(other.p) })}</p>`;
}

export const generate = { Source: null, Live, Compare, needsStep: true };
