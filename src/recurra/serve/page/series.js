// A series as somebody pastes, uploads or draws it: numbers, or a table with or without a header.

const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-", "?"]);
const MOST_ROWS = 100000;

// What is wrong with a text: a key of strings, and what fills it.
export class Nonsense extends Error {
  constructor(key, values = {}) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

const isMissing = (word) => MISSING.has(word.trim().toLowerCase());
const isNumber = (word) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word.trim());

// Why a word can't be sent as a number: a key of strings, or null. What is too large for JavaScript would go as missing.
export function whyNot(word = "") {
  if (Number.isFinite(Number(word))) return null;
  return isNumber(word) ? "next.large" : "next.word";
}

// Lines of fields; quotes as in a CSV.
function table(text, separator) {
  const rows = [];
  let row = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (quoted) {
      if (letter !== '"') field += letter;
      else if (text[i + 1] === '"') field += text[++i];
      else quoted = false;
    } else if (letter === '"' && !field) quoted = true;
    else if (letter === separator) (row.push(field.trim()), (field = ""));
    else if (letter === "\n") (row.push(field.trim()), rows.push(row), (row = []), (field = ""));
    else field += letter;
  }
  row.push(field.trim());
  rows.push(row);
  return rows.map((fields, i) => ({ fields, line: i + 1 })).filter(({ fields }) => fields.some((word) => word));
}

const separatorOf = (line) => ["\t", ";", ","].find((mark) => line.includes(mark)) ?? ",";

// Reads a text into {series: [{id, entries: [{x, label}]}]}; `shape` has columns, targets, time and ids, by name.
export function readSeries(text, shape) {
  const clean = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n").trim();
  if (!clean) throw new Nonsense("series.empty");
  const first = clean.slice(0, clean.indexOf("\n") + 1 || undefined).trim();
  const separator = separatorOf(first);
  const rows = table(clean, separator);
  if (rows.length > MOST_ROWS) throw new Nonsense("series.long", { rows: rows.length, most: MOST_ROWS });
  const header = rows[0].fields;
  if (header.some((word) => shape.columns.includes(word))) return rowsByName(rows.slice(1), header, shape);
  const isTable = shape.columns.length > 1 && rows.every(({ fields }) => fields.length === shape.columns.length);
  if (isTable && !rows.every(({ fields }) => fields.every((word) => isNumber(word) || isMissing(word))))
    return rowsByName(rows, shape.columns, shape);
  return plainNumbers(clean, shape);
}

function plainNumbers(text, shape) {
  const words = text.split(/[\s,;]+/).filter((word) => word);
  const wrong = words.find((word) => !isNumber(word) && !isMissing(word));
  if (wrong !== undefined) throw new Nonsense("series.word", { word: wrong.slice(0, 40), columns: shape.columns.join(", ") });
  const large = words.find((word) => !isMissing(word) && whyNot(word));
  if (large) throw new Nonsense(whyNot(large), { word: large.slice(0, 40) });
  if (shape.targets.length > 1) throw new Nonsense("series.targets", { columns: shape.columns.join(", ") });
  return { series: [{ id: [], entries: words.map((word) => ({ x: isMissing(word) ? null : Number(word), label: null })) }] };
}

function rowsByName(rows, header, shape) {
  const lacking = shape.targets.filter((name) => !header.includes(name));
  if (lacking.length) throw new Nonsense("series.lacking", { name: lacking.join(", "), header: header.join(", ") });
  if (!rows.length) throw new Nonsense("series.empty");
  const groups = new Map();
  for (const { fields, line } of rows) {
    if (fields.length > header.length) throw new Nonsense("series.fields", { line, found: fields.length, wanted: header.length });
    const row = Object.fromEntries(header.map((name, i) => [name, fields[i] ?? ""]));
    const wrong = shape.targets.find((name) => !/\d/.test(row[name]) && !isMissing(row[name]));
    if (wrong) throw new Nonsense("series.cell", { line, word: row[wrong].slice(0, 40), name: wrong });
    const large = Object.values(row).find((word) => whyNot(word) === "next.large");
    if (large) throw new Nonsense("next.large", { word: large.slice(0, 40) });
    const id = shape.ids.every((name) => name in row) ? shape.ids.map((name) => row[name]) : [];
    const x = Object.fromEntries(Object.entries(row).filter(([name]) => shape.columns.includes(name) && !shape.ids.includes(name)));
    const label = shape.time.map((name) => row[name]).filter((word) => word).join(" ") || null;
    const key = JSON.stringify(id);
    if (!groups.has(key)) groups.set(key, { id, entries: [] });
    groups.get(key).entries.push({ x, label });
  }
  return { series: [...groups.values()] };
}

// The number that `x` gives for a target, or null where there is none that can be drawn.
export function valueOf(x, target) {
  const said = x !== null && typeof x === "object" ? x[target] : x;
  if (said === null || said === undefined || said === "" || (typeof said === "string" && isMissing(said))) return null;
  return Number.isFinite(Number(said)) ? Number(said) : null;
}
