// Shares of a whole by name, as bars; beside each what it would have been.

import { percent } from "./settings.js";
import { html } from "./vendor/preact-htm.js";

// `items`: {name, share, other}; `other` is null where there is nothing to compare with.
export const Shares = ({ items, label }) => html`<div class="bars shares" role="group" aria-label=${label}>
  ${items.map(
    ({ name, share, other }) => html`<div class="bar" key=${name}>
      <span dir="auto" title=${name}>${name}</span><b><i style=${{ width: `${100 * share}%` }}></i>${other != null && html`<i class="held" style=${{ width: `${100 * other}%` }}></i>`}</b><span>${percent(share)}</span>
    </div>`,
  )}
</div>`;
