// Language and colours: what the browser says, unless a switch said otherwise; the switches are remembered.

import { Store } from "./store.js";
import en from "./strings/en.js";
import zh from "./strings/zh.js";

const STRINGS = { en, zh };
const remembered = (key, known) => (known.includes(localStorage.getItem(key)) ? localStorage.getItem(key) : null);

class Settings extends Store {
  language = remembered("language", ["en", "zh"]) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  theme = remembered("theme", ["light", "dark"]) ?? "auto";

  choose(name, value) {
    this[name] = value;
    localStorage.setItem(name, value);
    this.apply();
    this.changed();
  }

  apply() {
    document.documentElement.lang = this.language === "zh" ? "zh-CN" : "en";
    document.documentElement.dataset.theme = this.theme;
  }
}

export const settings = new Settings();
settings.apply();

// The words for `key`, with {names} filled in; {count:s} is an s unless the count is one.
export function t(key, values = {}) {
  const words = STRINGS[settings.language][key];
  if (words === undefined) throw new Error(`no words for ${key} in ${settings.language}`);
  return words.replace(/\{(\w+):(\w+)\}/g, (_, name, end) => (String(values[name]) === "1" ? "" : end)).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Words that may be missing: a name from a file, said in the reader's language where there is a word for it.
export const named = (kind, name) => STRINGS[settings.language][`${kind}.${name}`] ?? name;

// A piece of text with marks for what can't be seen.
export const visible = (piece) => piece.replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/ /g, "␣");

export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const short = { notation: "scientific", maximumSignificantDigits: digits };
  if (size >= 1e12 || (size > 0 && size < 1e-6)) return new Intl.NumberFormat(settings.language, short).format(value);
  const large = size >= 10 ** digits;
  return new Intl.NumberFormat(settings.language, large ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits }).format(value);
}

export const percent = (share) =>
  new Intl.NumberFormat(settings.language, { style: "percent", maximumFractionDigits: share > 0.99 ? 1 : 0 }).format(share);

// A time without what is always the same: midnight, seconds that are none.
export const timeOf = (time) => String(time).replace(/T00:00(:00(\.0+)?)?$/, "").replace("T", " ").replace(/(\d\d:\d\d):00(\.0+)?$/, "$1");

// The colour of a CSS variable as it is now, for what is drawn on a canvas.
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Calls back whenever colours change.
export function whenColoursChange(then) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", then);
  const stop = settings.watch(then);
  return () => (dark.removeEventListener("change", then), stop());
}
