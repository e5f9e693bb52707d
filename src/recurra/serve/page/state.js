// The state of a session: kept in a file, put back, forked, begun again.

import { t } from "./settings.js";
import { useStore } from "./store.js";
import { html } from "./vendor/preact-htm.js";

function download(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function State({ lane, name, onFork, onClose }) {
  useStore(lane);
  const save = async () => {
    const content = await lane.save();
    if (content) download(content, `${lane.model}-${lane.steps}.state`);
  };
  const restore = async (event) => {
    const [file] = event.target.files;
    if (file) await lane.restore(new Uint8Array(await file.arrayBuffer()));
    event.target.value = "";
  };
  return html`<div class="row state" role="group" aria-label=${`${t("state.title")}, ${name}`}>
    <button type="button" onClick=${save} title=${t("state.save.why")}>${t("state.save")}</button>
    <label class="button" title=${t("state.restore.why")}>${t("state.restore")}<input type="file" onChange=${restore} /></label>
    ${onFork && html`<button type="button" onClick=${onFork} title=${t("state.fork.why")}>${t("state.fork")}</button>`}
    <button type="button" onClick=${() => lane.reset()} title=${t("state.reset.why")}>${t("state.reset")}</button>
    ${onClose && html`<button type="button" onClick=${onClose}>${t("state.close")}</button>`}
  </div>`;
}
