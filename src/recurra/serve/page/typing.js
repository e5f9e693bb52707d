// A text that somebody types: what is added is pushed to the session a moment later; of a deletion, the rest is read
// anew.

import { number, t } from "./settings.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const PAUSE = 120; // milliseconds without a key, after which what was typed is pushed
const MOST = 20000; // characters

export const textOf = (lane) => lane.rows.map(({ x }) => x).join("");

// The answers so far, each that still is known, oldest first.
export const answersOf = (lane) => [...lane.rows.slice(1).map(({ before }) => before), lane.answer].filter(Boolean);

// Make `text` the text of the session; `cut` says in which chunks what is new is pushed. Whether all of it was.
async function retype(lane, text, cut) {
  if (!text.startsWith(textOf(lane))) {
    let count = 0;
    let kept = "";
    while (count < lane.rows.length && text.startsWith(kept + lane.rows[count].x)) kept += lane.rows[count++].x;
    if (!(await lane.rewind(count))) return;
  }
  for (const chunk of cut(text.slice(textOf(lane).length))) if (!(await lane.push(chunk))) return;
}

export function Typing({ lane, name, cut = (text) => (text ? [text] : []), still = false }) {
  const [text, setText] = useState(() => textOf(lane));
  const wanted = useRef(null); // typed, and not yet on its way
  const timer = useRef(null);
  const running = useRef(false);
  const sending = useRef(Promise.resolve());
  const send = () => {
    clearTimeout(timer.current);
    sending.current = sending.current.then(async () => {
      running.current = true;
      while (wanted.current !== null) {
        const now = wanted.current;
        wanted.current = null;
        await retype(lane, now, cut);
      }
      running.current = false;
    });
    return sending.current;
  };
  useEffect(() => {
    lane.written = send;
  });
  const type = (event) => {
    const { value } = event.target;
    setText(value);
    if (event.isComposing) return; // letters on their way to a Chinese word
    wanted.current = value;
    clearTimeout(timer.current);
    timer.current = setTimeout(send, PAUSE);
  };
  // The session moved in another way: it was reset, restored, or wrote.
  useEffect(() => {
    if (wanted.current === null && !running.current) setText(textOf(lane));
  }, [lane.session, lane.steps, lane.rows]);
  return html`<label class="wide"><span>${t("text.type")}<span class="hidden">, ${name}</span></span>
    <textarea rows="4" maxlength=${MOST} dir="auto" spellcheck=${false} autocapitalize="off" readonly=${still} value=${text} onInput=${type} onCompositionEnd=${(event) => type({ target: event.target })} placeholder=${t("text.placeholder")}></textarea>
  </label>
  ${text.length >= MOST && html`<p class="soft" role="status">${t("text.full", { most: number(MOST, 6) })}</p>`}`;
}
