// Talks to the server this page came from. A refusal is its sentence; a lost connection is said, and waited for.

import { t } from "./settings.js";
import { Store } from "./store.js";

const IDLE = 10000; // milliseconds from one look whether the server is there to the next

// The server said no, and why.
export class Refusal extends Error {
  constructor(sentence, code, status) {
    super(sentence);
    this.code = code;
    this.status = status;
  }
}

// No answer came. Whether the server got the request isn't known.
export class Lost extends Error {}

class Connection extends Store {
  lost = false;
  locked = false; // a token is wanted
  token = sessionStorage.getItem("token");
  #back = null;

  constructor() {
    super();
    setInterval(() => this.lost || fetch(address("health"), { cache: "no-store" }).catch(() => this.back()), IDLE);
  }

  // Resolves when the server answers again.
  back() {
    this.#back ??= this.#poll().then(() => {
      this.#back = null;
      this.lost = false;
      this.changed();
    });
    return this.#back;
  }

  async #poll() {
    this.lost = true;
    this.changed();
    for (let wait = 500; ; wait = Math.min(wait * 1.5, 5000)) {
      await new Promise((done) => setTimeout(done, wait));
      try {
        if ((await fetch(address("health"), { cache: "no-store" })).ok) return;
      } catch {
        // still away: the banner says so
      }
    }
  }

  unlock(token) {
    this.token = token;
    this.locked = false;
    sessionStorage.setItem("token", token);
    this.changed();
  }
}

const address = (path) => new URL(path, document.baseURI);

export const connection = new Connection();

// JSON has no infinity: it would go as null, which means that a value is missing.
function finite(_, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Refusal(t("next.large", { word: value }), "number", 0);
  return value;
}

async function request(method, path, body, options = {}) {
  const headers = {};
  const raw = body instanceof Uint8Array;
  if (connection.token) headers.Authorization = `Bearer ${connection.token}`;
  if (body !== undefined) headers["Content-Type"] = raw ? "application/octet-stream" : "application/json";
  const content = body === undefined || raw ? body : JSON.stringify(body, finite);
  let answer;
  try {
    answer = await fetch(address(path), {
      method,
      headers,
      body: content,
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.back();
    throw new Lost();
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    connection.locked = true;
    connection.changed();
  }
  throw new Refusal(said.error ?? `${answer.status} ${answer.statusText}`, said.code, answer.status);
}

const json = async (answer) => (answer.status === 204 ? null : answer.json());

// Asking twice changes nothing, so it is asked until there is an answer.
export async function get(path) {
  for (;;) {
    try {
      return await json(await request("GET", path));
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      await connection.back();
    }
  }
}

export const post = async (path, body = {}) => json(await request("POST", path, body));
export const put = async (path, bytes) => json(await request("PUT", path, bytes));
export const bytes = async (path) => new Uint8Array(await (await request("GET", path)).arrayBuffer());
export const remove = (path) => request("DELETE", path, undefined, { keepalive: true });

// The events of an answer that comes bit by bit (server-sent events), as they come.
export async function* events(path, body, signal) {
  const answer = await request("POST", path, body, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      connection.back();
      throw new Lost();
    });
    if (done) return;
    const parts = (rest + value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const field = (name) =>
        part
          .split(/\r?\n/)
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).trimStart())
          .join("\n");
      if (!field("data")) continue;
      const said = JSON.parse(field("data"));
      if (said.error) throw new Refusal(said.error, said.code);
      yield { event: field("event") || "message", data: said };
    }
  }
}
