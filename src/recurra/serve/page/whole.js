// What there is of a model that reads both ways and so has no sessions: answers to whole texts.

import { Lost, Refusal, post } from "./api.js";
import { t } from "./settings.js";
import { html, useState } from "./vendor/preact-htm.js";

// `read`: what is typed as rows of a prediction; may throw an Error with a sentence. `Answers`: told {rows, said}.
export function Whole({ card, spec, how, button, read, Answers }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(null);
  const [given, setGiven] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setWrong(null);
    setBusy(true);
    try {
      const rows = read(text);
      setGiven({ rows, said: await post(`models/${encodeURIComponent(card.name)}/predict`, { rows }) });
    } catch (error) {
      setWrong(error instanceof Lost ? t("whole.lost") : error.message);
      if (!(error instanceof Refusal || error instanceof Lost || error.isSentence)) throw error;
    } finally {
      setBusy(false);
    }
  };
  return html`<section class="card" aria-labelledby="source">
    <h2 id="source">${t(spec.whole ? "whole.texts" : "whole.series")}</h2>
    <p>${t("whole.why")}</p>
    <form onSubmit=${submit}>
      <label class="wide">${how}<textarea rows="5" dir="auto" spellcheck=${false} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
      <div class="row"><button class="main" disabled=${busy}>${button}</button></div>
      ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
    </form>
    <div aria-live="polite">${given && html`<${Answers} ...${given} />`}</div>
  </section>`;
}

// What is wrong with what was typed.
export function nonsense(sentence) {
  return Object.assign(new Error(sentence), { isSentence: true });
}

// Each line that isn't empty is a text.
export function linesOf(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (!lines.length) throw nonsense(t("whole.nothing"));
  return lines;
}
