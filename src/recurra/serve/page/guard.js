// A part of the page that can't be drawn says so, and leaves the parts beside it alone.

import { t } from "./settings.js";
import { html, useEffect, useErrorBoundary } from "./vendor/preact-htm.js";

// When `version` changes there is something else to draw, so it is tried again.
export function Guard({ version, children }) {
  const [error, retry] = useErrorBoundary((error) => console.error(error));
  useEffect(() => void (error && retry()), [version]);
  return error ? html`<p class="error" role="alert">${t("undrawn")}</p>` : children;
}
