// What a model is, what it was trained on, and how it did.

import { named, number, percent, t, timeOf } from "./settings.js";
import { html } from "./vendor/preact-htm.js";

const SHOWN = ["mae", "rmse", "mase", "rmsse", "smape", "wql"];

export function Verdict({ card }) {
  if (!card.verdict) return null;
  const [, head, rest] = card.verdict.sentence.match(/^([^:]*:?)(.*)$/s);
  return html`<p class=${`verdict ${card.verdict.outcome}`}><strong>${head}</strong>${rest}</p>`;
}

export function Card({ card }) {
  const about = [
    [t("card.task"), named("task", card.task)],
    ...inputs(card),
    [t("card.digest"), html`<code>${card.data_digest}</code>`],
    [t("card.versions"), Object.entries(card.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
  ];
  return html`<section class="card" aria-labelledby="about">
    <h2 id="about">${t("card.title")}</h2>
    <h3>${t("card.scores")}</h3>
    ${card.scores?.metrics ? html`<${Scores} scores=${card.scores} />` : html`<p class="soft">${t("card.scoreless")}</p>`}
    <h3>${t("card.trained")}</h3>
    <dl class="about">${about.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    <h3>${t("card.network")}</h3>
    <${Network} network=${card.network} />
  </section>`;
}

// What is told about inputs, as far as it is plain: names and numbers.
function inputs({ inputs }) {
  const columns = inputs?.table?.columns;
  const listed = (value) => (Array.isArray(value) ? value.join(", ") : String(value));
  if (!columns) return ["labels", "column", "layout"].filter((name) => inputs?.[name]).map((name) => [named("input", name), listed(inputs[name].names ?? inputs[name])]);
  const { chosen = {}, table, test_from } = inputs;
  return [
    ...["target", "time", "series", "known", "past", "static"].map((name) => [named("column", name), columns[name]]).filter(([, names]) => names?.length).map(([name, names]) => [name, names.join(", ")]),
    [t("card.spacing"), table.frequency],
    [t("card.context"), chosen.context && t("card.steps", { steps: chosen.context })],
    [t("card.horizon"), chosen.horizon && t("card.steps", { steps: chosen.horizon })],
    [t("card.tested"), test_from && timeOf(test_from)],
  ].filter(([, value]) => value);
}

function Scores({ scores }) {
  const measures = SHOWN.filter((name) => typeof scores.metrics[name] === "number");
  const others = Object.keys(scores.metrics).filter((name) => !SHOWN.includes(name) && !name.startsWith("coverage"));
  const all = measures.length ? measures : others;
  const larger = scores.larger_is_better ?? (measures.length ? [] : null); // of which measures more is better; null: unknown
  const rows = { [t("card.model")]: scores.metrics, ...scores.baselines };
  const bestOf = (name) => {
    const values = Object.values(rows).map((row) => row[name]).filter((value) => typeof value === "number");
    return larger.includes(name) ? Math.max(...values) : Math.min(...values);
  };
  const best = larger && Object.fromEntries(all.map((name) => [name, bestOf(name)]));
  const title = (name) => `${name.length > 5 ? named("measure", name) : name.toUpperCase()}${larger?.includes(name) ? "\u00a0↑" : ""}`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("card.scores")}><table>
    <thead><tr><th scope="col"></th>${all.map((name) => html`<th scope="col" title=${named("measure", name)}>${title(name)}</th>`)}</tr></thead>
    <tbody>${Object.entries(rows).map(
      ([name, row], i) => html`<tr class=${i ? "" : "model"}><th scope="row">${named("baseline", name)}</th>${all.map((measure) => html`<td class=${best && row[measure] === best[measure] ? "best" : ""}>${number(row[measure])}</td>`)}</tr>`,
    )}</tbody>
  </table></div>
  <p class="soft">${t(!larger ? "card.measured" : larger.length ? "card.best" : "card.lower")} ${(scores.coverage ?? []).map(({ nominal, actual }) => t("card.coverage", { nominal: percent(nominal), actual: percent(actual) })).join(" ")}</p>`;
}

// Branches from top to bottom, blocks from left to right.
function Network({ network }) {
  return html`<p class="soft">${t("card.network.why", { inputs: Object.entries(network.inputs).map(([name, width]) => `${name} (${width})`).join(", ") })}</p>
    <ol class="network">${network.branches.map(
      ({ name, takes, join, blocks }) => html`<li><b>${name}</b> <span class="takes">← ${takes.join(takes.length > 1 && join !== "concatenate" ? ` ${JOINS[join]} ` : ", ")}</span>
        ${blocks.length > 0 && html`<span class="blocks">${blocks.map((block) => html`<span class=${`block ${block.kind === "recurrent" || block.kind === "decode" ? "recurrent" : ""}`}>${said(block)}</span>`)}</span>`}</li>`,
    )}</ol>`;
}

const JOINS = { add: "+", subtract: "−", multiply: "×", divide: "÷" };

// A block in a few words: its kind, and the numbers that make it this one.
function said(block) {
  if (block.kind === "recurrent") return `${block.cell.toUpperCase()} ${block.hidden_size}${block.num_layers > 1 ? ` × ${block.num_layers}` : ""}${block.bidirectional ? " ⇄" : ""}`;
  const { kind, cell, ...rest } = block;
  const numbers = Object.values(rest).flat().filter((value) => typeof value === "number" || (typeof value === "string" && value !== "none"));
  return [kind, cell?.toUpperCase(), ...numbers].filter(Boolean).join(" ");
}
