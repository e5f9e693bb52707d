// Taggers: each word of a text with its tag, which may change in the light of what comes.

import { t } from "../settings.js";
import { useStore } from "../store.js";
import { Typing, answersOf } from "../typing.js";
import { html } from "../vendor/preact-htm.js";
import { Whole, linesOf } from "../whole.js";

const MOST_WORDS = 2000; // shown
const LINE_BY_LINE = 60; // last lines, or parts of them, that are pushed one by one of what was pasted
const PART = 16; // words and spaces between them

// All words with the tags they have by now: those of a line come from the last best path through it.
function wordsOf(lane) {
  const words = [];
  let open = [];
  for (const { words: done, recent, open: count } of answersOf(lane)) {
    const settled = recent.length - count;
    words.push(...done);
    words.splice(Math.max(0, words.length - settled), settled, ...recent.slice(0, settled));
    open = recent.slice(settled);
  }
  return [...words, ...open].slice(-MOST_WORDS);
}

// The last lines of what was pasted one by one, and a long line in parts, so that there is a best path through each.
function cut(text) {
  const parts = (text.match(/[^\n]*\n|[^\n]+/g) ?? []).flatMap(inParts);
  const head = parts.slice(0, Math.max(0, parts.length - LINE_BY_LINE)).join("");
  return [...(head ? [head] : []), ...parts.slice(-LINE_BY_LINE)];
}

function inParts(line) {
  const words = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(line)].map(({ segment }) => segment);
  return Array.from({ length: Math.ceil(words.length / PART) }, (_, i) => words.slice(i * PART, (i + 1) * PART).join(""));
}

// A colour for each tag, the same for the letters B, I, E, S of one entity.
function lineOf(tag, tags) {
  const kind = (each) => each.replace(/^[BIES]-/, "");
  return [...new Set(tags.map(kind))].indexOf(kind(tag)) % 6;
}

function Words({ words, others, card, open = 0 }) {
  const tags = card.inputs.labels.names.filter((tag) => tag !== "O");
  const skipped = others ? words.length - others.length : 0;
  return html`<ol class="tagged" dir="auto">${words.map(({ word, tag }, i) => {
    const other = others?.[i - skipped];
    const differs = other && other.word === word && other.tag !== tag;
    return html`<li class=${i >= words.length - open ? "open" : ""}><span>${word}</span>
      <b class=${tag === "O" ? "none" : `line-${lineOf(tag, tags)}`}>${tag}</b>${differs && html`<i title=${t("hold.would")}>${other.tag}</i>`}</li>`;
  })}</ol>`;
}

function Live({ lane, card, name }) {
  useStore(lane);
  const words = lane.answer ? wordsOf(lane) : [];
  const last = words.at(-1);
  return html`
    <${Typing} lane=${lane} name=${name} cut=${cut} />
    ${words.length ? html`<${Words} words=${words} others=${lane.held?.recent} card=${card} open=${lane.answer.open} />` : html`<p class="empty">${t("tag.empty")}</p>`}
    <p class="says" aria-live="polite">${last ? t("tag.says", { word: last.word, tag: last.tag, count: words.length }) : ""}</p>
  `;
}

function Compare({ said, held }) {
  const changed = said.recent.filter(({ tag }, i) => held.recent[i] && held.recent[i].tag !== tag).length;
  return html`<p>${t("tag.compare", { changed, of: said.recent.length })}</p>`;
}

const WholeText = ({ card, spec }) => html`<${Whole}
  card=${card}
  spec=${spec}
  how=${t("whole.lines")}
  button=${t("tag.predict")}
  read=${linesOf}
  Answers=${({ said }) => said.answers.map(({ words }) => html`<${Words} words=${words} card=${card} />`)}
/>`;

export const tag = { Source: null, Live, Compare, Whole: WholeText, needsStep: true };
