// A row of choices of which one is open, moved through with the arrow keys.

import { html } from "./vendor/preact-htm.js";

export function Tabs({ label, names, chosen, words, onChoose, children }) {
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = (names.indexOf(chosen) + by + names.length) % names.length;
    onChoose(names[next]);
    event.currentTarget.children[next].focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${move}>
      ${names.map((name) => html`<button key=${name} type="button" role="tab" aria-selected=${name === chosen} tabindex=${name === chosen ? 0 : -1} onClick=${() => onChoose(name)}>${words(name)}</button>`)}
    </div>
    <div role="tabpanel" aria-label=${words(chosen)}>${children}</div>
  </div>`;
}
