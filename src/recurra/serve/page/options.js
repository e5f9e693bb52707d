// A form for what a JSON Schema describes: choices, numbers and words; what isn't touched stays the server's default.

import { named, t } from "./settings.js";
import { html } from "./vendor/preact-htm.js";

const typesOf = (property) => [property.type ?? property.anyOf?.map(({ type }) => type) ?? []].flat();

export function Options({ schema, values, onChange }) {
  const put = (name, value) => {
    const rest = { ...values };
    delete rest[name];
    onChange(value === undefined ? rest : { ...rest, [name]: value });
  };
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    const types = typesOf(property);
    const words = named("option", name);
    if (types.includes("boolean") && types.includes("null"))
      return html`<label title=${property.description}>${words} <select value=${String(values[name] ?? "")} onChange=${(event) => put(name, { true: true, false: false }[event.target.value])}>${["", "true", "false"].map((each) => html`<option value=${each}>${t(`choice.${each || "auto"}`)}</option>`)}</select></label>`;
    if (types.includes("boolean"))
      return html`<label class="check" title=${property.description}><input type="checkbox" checked=${values[name] ?? property.default ?? false} onChange=${(event) => put(name, event.target.checked)} /> ${words}</label>`;
    const isNumber = types.includes("number") || types.includes("integer");
    const read = (word) => (word === "" ? undefined : isNumber ? Number(word) : word);
    return html`<label title=${property.description}>${words} <input type=${isNumber ? "number" : "text"} step=${types.includes("integer") ? 1 : "any"} value=${values[name] ?? ""} onInput=${(event) => put(name, read(event.target.value))} /></label>`;
  });
}
