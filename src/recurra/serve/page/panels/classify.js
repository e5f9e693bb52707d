// Classifiers: the labels of a text, changing word by word as it is typed; or those of a series of numbers.

import { Guard } from "../guard.js";
import { Lines } from "../lines.js";
import { percent, t } from "../settings.js";
import { Shares } from "../shares.js";
import { useStore } from "../store.js";
import { Typing, answersOf } from "../typing.js";
import { html } from "../vendor/preact-htm.js";
import { Whole, linesOf, nonsense } from "../whole.js";
import { SINGLY, Steps, readSteps } from "./plain.js";

const MOST_LABELS = 12;
const WORD_BY_WORD = 24; // last words of what was pasted that are pushed one by one

const countOf = ({ words, rows }) => words ?? rows;
const sharesOf = ({ probabilities }) => Object.entries(probabilities).sort(([, a], [, b]) => b - a);

// The likeliest labels, in an order that doesn't change from word to word.
function chosen(card, answer) {
  const likeliest = new Set(sharesOf(answer).slice(0, MOST_LABELS).map(([label]) => label));
  return card.inputs.labels.filter((label) => likeliest.has(label));
}

function cut(text) {
  const words = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)].map(({ segment }) => segment);
  const head = words.slice(0, Math.max(0, words.length - WORD_BY_WORD)).join("");
  return [...(head ? [head] : []), ...words.slice(-WORD_BY_WORD)];
}

function Labels({ lane, card, unit }) {
  const { answer, held } = lane;
  if (!answer) return html`<p class="empty">${t(`classify.empty.${unit}`)}</p>`;
  const labels = chosen(card, answer);
  const known = new Map(answersOf(lane).map((each) => [countOf(each), each])); // the last one of each count
  const rows = [...known.values()].map(({ probabilities }) => labels.map((label) => probabilities[label]));
  const version = `${lane.session}/${lane.steps}/${rows.length}/${labels}`;
  const items = labels.map((label) => ({ name: label, share: answer.probabilities[label], other: held?.probabilities[label] }));
  const [[likeliest, share]] = sharesOf(answer);
  return html`
    <${Shares} items=${items} label=${t("classify.labels")} />
    ${held && html`<ul class="legend"><li><i class="model"></i>${t("hold.said")}</li><li><i class="held"></i>${t("hold.would")}</li></ul>`}
    <p class="says" aria-live="polite">${t(`classify.says.${unit}`, { count: countOf(answer), label: likeliest, share: percent(share) })}</p>
    ${rows.length > 1 && html`<${Guard} version=${version}><${Lines} rows=${rows} names=${labels} steps=${[...known.keys()]} label=${t(`classify.lines.${unit}`)} version=${version} /><//>`}
  `;
}

function Text({ lane, card, name }) {
  useStore(lane);
  return html`
    <${Typing} lane=${lane} name=${name} cut=${cut} />
    <${Labels} lane=${lane} card=${card} unit="words" />
  `;
}

function Series({ lane, card, spec, name }) {
  useStore(lane);
  return html`
    <${Labels} lane=${lane} card=${card} unit="rows" />
    <${Steps} lane=${lane} inputs=${inputsOf(spec)} title=${`${t("next.title")}, ${name}`} button=${t("next.push")} rows=${1} onUse=${(steps) => lane.pushAll(steps, { singly: SINGLY })} />
  `;
}

const inputsOf = (spec) => [[spec.columns.join(", "), spec.columns.length]];

function Source({ lane, spec }) {
  useStore(lane);
  return html`<section class="card" aria-labelledby="source">
    <h2 id="source">${t("plain.source")}</h2>
    <p class="soft">${t("classify.columns", { columns: spec.columns.join(", ") })}</p>
    <${Steps} lane=${lane} inputs=${inputsOf(spec)} title=${t("plain.source")} button=${t("plain.begin")} rows=${4} onUse=${(steps) => lane.begin(steps, { singly: SINGLY })} />
  </section>`;
}

function Compare({ said, held }) {
  const [one, other] = [said, held].map((answer) => sharesOf(answer)[0]);
  return html`<p>${t("classify.compare", { said: one[0], share: percent(one[1]), would: other[0], other: percent(other[1]) })}</p>`;
}

const answered = ({ label, probabilities }) => html`<td dir="auto">${label || t("classify.none")}</td><td>${percent(Math.max(...Object.values(probabilities)))}</td>`;

function Answers({ rows, said }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("classify.answers")}><table class="texts">
    <thead><tr><th scope="col">${t("text.text")}</th><th scope="col">${t("classify.label")}</th><th scope="col">${t("classify.share")}</th></tr></thead>
    <tbody>${said.answers.map((answer, i) => html`<tr><th scope="row" dir="auto">${rows[i]}</th>${answered(answer)}</tr>`)}</tbody>
  </table></div>`;
}

// `readSteps` throws sentences.
function readRows(text, spec) {
  try {
    return readSteps(text, inputsOf(spec)).map(({ x }) => x);
  } catch (error) {
    throw nonsense(error.message);
  }
}

const WholeText = ({ card, spec }) => html`<${Whole} card=${card} spec=${spec} how=${t("whole.lines")} button=${t("classify.predict")} read=${linesOf} Answers=${Answers} />`;
const WholeSeries = ({ card, spec }) => html`<${Whole}
  card=${card}
  spec=${spec}
  how=${t(spec.columns.length > 1 ? "plain.how.wide" : "plain.how.one", { width: spec.columns.length })}
  button=${t("classify.predict")}
  read=${(text) => readRows(text, spec)}
  Answers=${({ said }) => html`<${Shares} items=${sharesOf(said.answer).map(([name, share]) => ({ name, share }))} label=${t("classify.labels")} />`}
/>`;

export const classify = { Source: null, Live: Text, Compare, Whole: WholeText, needsStep: true };
export const classifySeries = { Source, Live: Series, Compare, Whole: WholeSeries, needsStep: true };
