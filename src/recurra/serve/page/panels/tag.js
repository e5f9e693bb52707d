// Taggers: each word of a text with its tag, which may change in the light of what comes.

import { t } from "../settings.js";
import { useStore } from "../store.js";
import { Typing, answersOf } from "../typing.js";
import { html } from "../vendor/preact-htm.js";
import { Whole, linesOf } from "../whole.js";

const MOST_WORDS = 2000; // shown

// All words with the tags they have by now: those of the last words come from the best path through them.
function wordsOf(lane) {
  const done = answersOf(lane).flatMap(({ words }) => words);
  const { recent, open } = lane.answer;
  const settled = done.length - (recent.length - open); // before the words that may still change
  return [...done.slice(0, Math.max(0, settled)), ...recent].slice(-MOST_WORDS);
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
    <${Typing} lane=${lane} name=${name} />
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
