// Forecasters: a series goes in, a forecast with intervals comes out and changes with every value.

import { Chart } from "../chart.js";
import { Guard } from "../guard.js";
import { valueOf, whyNot } from "../series.js";
import { number, percent, settings, t, timeOf } from "../settings.js";
import { useStore } from "../store.js";
import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { coverage, endOf, hasGaps, intervalsOf, isReady, middleOf, plansOf, shapeOf } from "./forecast_answer.js";
import { Source } from "./forecast_source.js";

const DRIFT = 1.5; // errors so many times those of the test deserve a second look
const SPANS = [60, 120, 240, 1000, 0]; // last values to show; 0: all

// What the chart draws: the history joined to what the last answer says about the steps after it.
function drawing(lane, targets, c, span, held, plans) {
  const ready = isReady(lane.answer);
  const end = ready ? endOf(lane.rows, targets, plans) : lane.rows.length;
  const skipped = span ? Math.max(0, end - span) : 0;
  const rows = lane.rows.slice(skipped, end);
  const steps = ready ? lane.answer.mean.length : 0;
  const first = skipped + 1 + Math.max(0, lane.steps - lane.rows.length);
  const places = Array.from({ length: rows.length + steps }, (_, i) => String(first + i));
  const times = [...rows.map(({ label }) => label), ...(ready ? lane.answer.times.map(String) : [])];
  const isTimed = !times.includes(null); // a time axis is whole, or there is none
  const blank = (count) => Array(Math.max(0, count)).fill(null);
  const history = [...rows.map(({ x }) => valueOf(x, targets[c])), ...blank(steps)];
  const joint = rows.length ? [...blank(rows.length - 1), history[rows.length - 1]] : [];
  const after = (values) => [...joint, ...values.map((row) => row[c])];
  const bands = ready
    ? intervalsOf(lane.answer).map(({ lower, upper, share }) => ({
        share,
        lower: after(lane.answer.quantiles[lower]),
        upper: after(lane.answer.quantiles[upper]),
      }))
    : [];
  const start = endOf(lane.rows.slice(0, -1), targets, plans) - skipped; // of the forecast before
  const before =
    isReady(lane.previous) && start > 0
      ? [...blank(start), ...middleOf(lane.previous).map((row) => row[c]), ...blank(places.length)].slice(0, places.length)
      : null;
  return {
    start: isTimed ? 0 : first,
    labels: isTimed ? times : places,
    history,
    median: ready ? after(middleOf(lane.answer)) : blank(places.length),
    bands,
    before,
    held: isReady(held) ? after(middleOf(held)) : null,
  };
}

function Live({ lane, card, spec, name }) {
  useStore(lane);
  const shape = shapeOf(card, spec);
  const [target, setTarget] = useState(shape.targets[0]);
  const [span, setSpan] = useState(() => SPANS.find((each) => each >= 4 * (card.inputs.chosen?.horizon ?? 1)) ?? 0);
  const c = shape.targets.indexOf(target);
  const plans = plansOf(card, lane.options);
  const drawn = drawing(lane, shape.targets, c, span, lane.held, plans);
  const ready = isReady(lane.answer);
  const push = (x, label) => lane.push(x, label ?? (ready ? String(lane.answer.times[0]) : null));
  const value = ready ? middleOf(lane.answer)[0][c] : null;
  const next = value !== null && shape.targets.length === 1 ? { at: drawn.start + drawn.history.length - lane.answer.mean.length, value } : null;
  const version = `${lane.session}/${lane.steps}/${lane.rows.length}/${settings.language}`;
  if (!lane.steps && !lane.rows.length)
    return html`<p class="empty">${t("forecast.empty")}</p>`;
  return html`
    <div class="toolbar">
      ${shape.targets.length > 1 && html`<label>${t("forecast.target")} <select value=${target} onChange=${(event) => setTarget(event.target.value)}>${shape.targets.map((each) => html`<option value=${each}>${each}</option>`)}</select></label>`}
      <label>${t("forecast.span")} <select value=${span} onChange=${(event) => setSpan(Number(event.target.value))}>${SPANS.map((each) => html`<option value=${each}>${each || t("forecast.all")}</option>`)}</select></label>
    </div>
    <${Guard} version=${version}><${Chart}
      ...${drawn}
      version=${version}
      target=${target}
      span=${span}
      next=${next}
      onNext=${(value) => push(value)}
      label=${t("forecast.chart", { target, steps: lane.rows.length })}
    /><//>
    <ul class="legend">
      <li><i class="ink"></i>${t("forecast.known")}</li>
      ${ready && html`<li><i class="model"></i>${t("forecast.median")}</li>`}
      ${drawn.bands.map(({ share }, i) => html`<li><i class=${`fan fan-${Math.min(i, 2)}`}></i>${t("forecast.interval", { share: percent(share) })}</li>`)}
      ${drawn.before && html`<li><i class="before"></i>${t("forecast.before")}</li>`}
      ${drawn.held && html`<li><i class="held"></i>${t("hold.legend")}</li>`}
    </ul>
    <p class="says" aria-live="polite">
      ${ready
        ? t("forecast.says", { time: timeOf(lane.answer.times[0]), value: number(value), ...ends(lane.answer, c) })
        : t("forecast.needs", { needs: lane.answer?.needs ?? "…", steps: lane.steps })}
    </p>
    ${ready && hasGaps(lane.answer) && html`<p class="soft gaps" role="status">${t("forecast.gaps")}</p>`}
    <${Next} lane=${lane} shape=${shape} spec=${spec} push=${push} name=${name} />
    <${Play} lane=${lane} push=${push} />
    <${Watch} lane=${lane} targets=${shape.targets} plans=${plans} />
    ${ready && html`<${Table} answer=${lane.answer} c=${c} />`}
  `;
}

function ends(answer, c) {
  const [{ lower, upper, share } = {}] = intervalsOf(answer);
  if (!lower) return { low: "–", high: "–", share: "–" };
  return { low: number(answer.quantiles[lower][0][c]), high: number(answer.quantiles[upper][0][c]), share: percent(share) };
}

// The next row, typed: a field for the target, and one for every other column where there are any.
function Next({ lane, shape, spec, push, name }) {
  const names = spec.columns.filter((column) => !shape.ids.includes(column));
  const plainNumber = shape.targets.length === 1;
  const [fields, setFields] = useState({});
  const [wrong, setWrong] = useState(null);
  const [more, setMore] = useState(false);
  const shown = [...shape.targets, ...(more || !plainNumber ? names.filter((column) => !shape.targets.includes(column)) : [])];
  const clear = () => setFields((old) => ({ ...old, ...Object.fromEntries([...shape.targets, ...shape.time].map((column) => [column, ""])) }));
  useEffect(() => setWrong(null), [lane.steps, lane.session]);
  useEffect(clear, [lane.renewals]); // what was typed has been pushed
  const submit = async (event) => {
    event.preventDefault();
    const given = shown.filter((column) => (fields[column] ?? "").trim() !== "");
    const bad = shape.targets.find((column) => whyNot(fields[column]));
    if (!given.length) return setWrong(t("next.empty"));
    if (bad) return setWrong(t(whyNot(fields[bad]), { word: fields[bad].trim().slice(0, 40) }));
    setWrong(null);
    const row = Object.fromEntries(given.map((column) => [column, shape.targets.includes(column) ? Number(fields[column]) : fields[column].trim()]));
    const label = shape.time.map((column) => row[column]).filter(Boolean).join(" ") || undefined;
    const alone = plainNumber && given.length === 1 && given[0] === shape.targets[0];
    if (await push(alone ? row[shape.targets[0]] : row, label)) clear();
  };
  return html`<form class="next" onSubmit=${submit} aria-label=${`${t("next.title")}, ${name}`}>
    ${shown.map(
      (column) => html`<label key=${column}>${plainNumber && shape.targets.includes(column) ? t("next.value") : column}
        <input inputmode=${shape.targets.includes(column) ? "decimal" : "text"} autocomplete="off" value=${fields[column] ?? ""} onInput=${(event) => setFields({ ...fields, [column]: event.target.value })} />
      </label>`,
    )}
    <button class="main">${t("next.push")}</button>
    ${plainNumber && html`<button type="button" onClick=${() => push(null)} title=${t("next.missing.why")}>${t("next.missing")}</button>`}
    ${plainNumber && names.length > 1 && html`<button type="button" class="plain" aria-expanded=${more} onClick=${() => setMore(!more)}>${t(more ? "next.fewer" : "next.more")}</button>`}
    ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
  </form>`;
}

// Values that were kept back, one by one.
function Play({ lane, push }) {
  const [running, setRunning] = useState(false);
  const { rest } = lane;
  const one = () => {
    const entry = lane.rest.shift();
    return push(entry.x, entry.label ?? undefined);
  };
  useEffect(() => {
    if (!running) return;
    if (!rest.length) return setRunning(false);
    const timer = setTimeout(async () => {
      if (!(await one())) setRunning(false);
    }, 350);
    return () => clearTimeout(timer);
  }, [running, rest.length, lane.steps]);
  if (!rest.length && !running) return null;
  return html`<div class="row">
    <button type="button" onClick=${() => setRunning(!running)}>${t(running ? "play.pause" : "play.start")}</button>
    <button type="button" disabled=${running} onClick=${one}>${t("play.one")}</button>
    <span class="soft">${t("play.left", { count: rest.length })}</span>
  </div>`;
}

// Whether the intervals hold what they promise, here and now.
function Watch({ lane, targets, plans }) {
  const kept = useMemo(() => coverage(lane.rows, targets, plans), [lane.steps, lane.rows]);
  const drift = lane.answer?.drift;
  return html`<dl class="facts" aria-live="off">
    <div><dt>${t("watch.steps")}</dt><dd>${number(lane.steps, 6)}</dd></div>
    <div><dt>${t("watch.coverage", { share: kept.share ? percent(kept.share) : "80 %" })}</dt><dd>${kept.of ? t("watch.of", kept) : "–"}</dd></div>
    <div><dt>${t("watch.drift")}</dt><dd class=${drift > DRIFT ? "worse" : ""}>${drift === null || drift === undefined ? "–" : `${number(drift, 3)} ×`}${drift > DRIFT && html` <small>${t("watch.drifting")}</small>`}</dd></div>
  </dl>`;
}

function Table({ answer, c }) {
  const intervals = intervalsOf(answer);
  return html`<details class="plain"><summary>${t("forecast.table")}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("forecast.table")}><table>
      <thead><tr><th scope="col">${t("forecast.time")}</th><th scope="col">${t("forecast.median")}</th>${intervals.map(({ share }) => html`<th scope="col">${t("forecast.interval", { share: percent(share) })}</th>`)}</tr></thead>
      <tbody>${answer.times.map(
        (time, k) => html`<tr><th scope="row">${timeOf(time)}</th><td>${number(middleOf(answer)[k][c])}</td>${intervals.map(({ lower, upper }) => html`<td>${number(answer.quantiles[lower][k][c])} – ${number(answer.quantiles[upper][k][c])}</td>`)}</tr>`,
      )}</tbody>
    </table></div>
  </details>`;
}

// What was said beside what would have been said, over the steps ahead.
function Compare({ said, held, card }) {
  const { target } = card.inputs.table;
  if (!isReady(said) || !isReady(held)) return html`<p class="soft">${t("forecast.empty")}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("hold.result")}><table>
    <thead><tr><th scope="col">${t("forecast.target")}</th><th scope="col">${t("hold.said")}</th><th scope="col">${t("hold.would")}</th><th scope="col">${t("hold.difference")}</th></tr></thead>
    <tbody>${target.map((name, c) => {
      const [one, other] = [middleOf(said), middleOf(held)].map((rows) => rows.map((row) => row[c]));
      const apart = [...one, ...other].includes(null) ? null : one.reduce((sum, value, k) => sum + Math.abs(value - other[k]), 0) / one.length;
      return html`<tr><th scope="row">${name}</th><td>${number(one[0])} … ${number(one.at(-1))}</td><td>${number(other[0])} … ${number(other.at(-1))}</td><td>${number(apart)}</td></tr>`;
    })}</tbody>
  </table></div>`;
}

export const forecast = { Source, Live, Compare, needsStep: false };
