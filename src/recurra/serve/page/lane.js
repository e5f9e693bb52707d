// One session on the server and what the page remembers of it: the values it was given, its answers, its inside.

import { Lost, Refusal, bytes, connection, events, get, post, put, remove } from "./api.js";
import { Store } from "./store.js";

const CHUNK = 500; // values sent at once
const MOST_FRAMES = 240; // computations whose inside is kept to look back at
const MOST_SAVED = 8;

const saved = []; // snapshots made on this page, with the values behind them: those aren't in the bytes
const open = new Set();
let count = 0;

addEventListener("pagehide", (event) => {
  if (!event.persisted) for (const lane of open) remove(`sessions/${lane.session}`).catch(() => {});
});

export class Lane extends Store {
  key = ++count;
  session = null;
  steps = 0;
  rows = []; // {x, label, before}: what was pushed, when, and the answer that stood before it
  answer = null;
  previous = null;
  frames = []; // {step, answer, traces, labels, open}
  hold = null; // {gate: value}
  held = null; // what would have been said
  error = null;
  note = null; // a key of strings
  busy = 0;
  id = [];
  options = {};
  unsaid = []; // what the last action was to push and hasn't yet
  renewals = 0;
  rest = []; // what was kept back, to be pushed one by one
  origin = null; // the state in which the first of `rows` found the session; null: the beginning
  written = () => {}; // reads what was typed a moment ago; set by where it is typed
  #queue = Promise.resolve();

  // `needsStep`: the model only shows its inside together with a step, not of the last answer.
  constructor(model, spec, { needsStep = false } = {}) {
    super();
    Object.assign(this, { model, spec, needsStep });
  }

  // One thing after the other; what goes wrong is shown where it was asked for.
  #do(action) {
    this.busy += 1;
    this.changed();
    const done = this.#queue.then(async () => {
      try {
        this.error = null;
        this.unsaid = [];
        await action();
        return true;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.error = error;
        return false;
      } finally {
        this.busy -= 1;
        this.changed();
      }
    });
    this.#queue = done.catch(() => {});
    return done;
  }

  // What must not happen twice: after a lost connection, the number of steps tells whether it has.
  async #step(body, count) {
    for (;;) {
      try {
        return await post(`sessions/${this.session}/push`, body);
      } catch (error) {
        if (error.code === "rate") {
          await new Promise((done) => setTimeout(done, 1000));
          continue;
        }
        if (!(error instanceof Lost)) throw error;
        await connection.back();
        const now = await get(`sessions/${this.session}`);
        if (now.steps === this.steps + count) return { step: now.steps, answer: now.answer };
      }
    }
  }

  // What may happen twice without harm.
  async #again(ask) {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        await connection.back();
      }
    }
  }

  async #open() {
    if (this.session) return;
    const made = await this.#again(() => post(`models/${this.model}/sessions`, { id: this.id, options: this.options }));
    this.#adopt(made);
  }

  #adopt(made) {
    this.session = made.session;
    this.steps = made.steps;
    open.add(this);
  }

  #forget() {
    Object.assign(this, { rows: [], answer: null, previous: null, frames: [], held: null, note: null });
  }

  // One value.
  push(x, label = null) {
    return this.#do(() => this.#push(x, label));
  }

  async #push(x, label) {
    if (!this.unsaid.length) this.unsaid = [{ x, label }];
    await this.#open();
    const look = this.needsStep ? await this.#look(x) : null;
    const said = await this.#step({ x }, 1);
    this.unsaid = this.unsaid.slice(1);
    this.rows.push({ x, label, before: this.answer });
    this.previous = this.answer;
    this.answer = said.answer;
    this.steps = said.step;
    this.note = null;
    if (look) this.#keep(look);
    else await this.#watch();
  }

  // Many values: the last `singly` one by one, so that their inside is seen.
  pushAll(entries, { singly = 0 } = {}) {
    return this.#do(async () => {
      this.unsaid = entries;
      await this.#open();
      const bulk = entries.slice(0, Math.max(0, entries.length - singly));
      for (let start = 0; start < bulk.length; start += CHUNK) {
        const part = bulk.slice(start, start + CHUNK);
        const said = await this.#step({ xs: part.map((entry) => entry.x) }, part.length);
        this.unsaid = this.unsaid.slice(part.length);
        this.rows.push(...part.map(({ x, label }) => ({ x, label: label ?? null, before: null })));
        this.previous = null;
        this.answer = said.answer;
        this.steps = said.step;
        this.changed();
      }
      if (!singly) await this.#watch();
      for (const { x, label } of entries.slice(bulk.length)) {
        await this.#push(x, label ?? null);
        this.changed();
      }
    });
  }

  // Begin anew with another sequence.
  begin(entries, { id = [], options = {}, singly = 0 } = {}) {
    this.#do(async () => {
      const old = this.session;
      Object.assign(this, { session: null, steps: 0, origin: null, id, options });
      this.#forget();
      if (old) await this.#drop(old);
    });
    return this.pushAll(entries, { singly });
  }

  async #drop(session) {
    open.delete(this);
    await remove(`sessions/${session}`).catch((error) => {
      if (!(error instanceof Refusal && error.status === 404)) throw error;
    });
  }

  // The server doesn't know this session any more: the same values, in a new one, and those it didn't take.
  async renew() {
    const { rows, unsaid, id, options } = this;
    this.session = null;
    if (!(await this.begin([...rows, ...unsaid], { id, options, singly: unsaid.length ? 1 : 0 }))) return;
    this.renewals += 1;
    this.changed();
  }

  get isUnknown() {
    return this.error?.status === 404 && this.session !== null;
  }

  reset() {
    return this.#do(async () => {
      if (this.session) {
        const said = await this.#again(() => post(`sessions/${this.session}/reset`));
        this.steps = said?.steps ?? 0;
      }
      this.origin = null;
      this.#forget();
    });
  }

  // Back to where only the first `count` values had been pushed: they are read anew.
  rewind(count) {
    return this.#do(async () => {
      await this.#open();
      const path = `sessions/${this.session}`;
      const begun = await this.#again(() => (this.origin ? put(`${path}/snapshot`, this.origin) : post(`${path}/reset`)));
      const [rows, frames] = [this.rows.slice(0, count), this.frames.filter(({ step }) => step <= begun.steps + count)];
      const { before: previous } = rows.at(-1) ?? {};
      this.steps = begun.steps;
      let answer = null;
      for (let start = 0; start < count; start += CHUNK) {
        const part = rows.slice(start, start + CHUNK);
        ({ step: this.steps, answer } = await this.#step({ xs: part.map(({ x }) => x) }, part.length));
      }
      this.#forget();
      Object.assign(this, { rows, frames, answer, previous: previous ?? null });
    });
  }

  async fork() {
    await this.written();
    const other = new Lane(this.model, this.spec, this);
    return this.#do(async () => {
      await this.#open();
      other.#adopt(await this.#again(() => post(`sessions/${this.session}/fork`)));
      for (const name of ["answer", "previous", "hold", "held", "id", "options", "origin"]) other[name] = this[name];
      other.rows = [...this.rows];
      other.rest = [...this.rest];
      other.frames = [...this.frames];
    }).then((done) => (done ? other : null));
  }

  close() {
    return this.#do(async () => {
      if (this.session) await this.#drop(this.session);
      this.session = null;
    });
  }

  // All of the session as bytes.
  async save() {
    await this.written();
    let content = null;
    await this.#do(async () => {
      await this.#open();
      content = await this.#again(() => bytes(`sessions/${this.session}/snapshot`));
      saved.push({ content, rows: [...this.rows], frames: [...this.frames], previous: this.previous, origin: this.origin });
      if (saved.length > MOST_SAVED) saved.shift();
    });
    return content;
  }

  restore(content) {
    return this.#do(async () => {
      await this.#open();
      await this.#again(() => put(`sessions/${this.session}/snapshot`, content));
      const now = await get(`sessions/${this.session}`);
      const same = ({ content: other }) => other.length === content.length && other.every((byte, i) => byte === content[i]);
      const known = saved.find(same);
      this.#forget();
      this.answer = now.answer ?? null;
      this.steps = now.steps;
      this.origin = known ? known.origin : content;
      if (known) Object.assign(this, { rows: [...known.rows], frames: [...known.frames], previous: known.previous });
      else this.note = "state.restored";
      await this.#watch();
    });
  }

  // What a step, or the last answer, looks like from within; the session doesn't move.
  async #look(x) {
    const ask = (hold) => this.#again(() => post(`sessions/${this.session}/inside`, { ...(x === undefined ? {} : { x }), ...(hold ? { hold } : {}) }));
    const said = await ask(null);
    return { ...said, held: this.hold ? (await ask(this.hold)).answer : null };
  }

  async #watch() {
    if (!this.needsStep && this.steps && this.answer?.ready !== false) this.#keep(await this.#look());
  }

  #keep({ answer, traces, labels, open, held }) {
    this.held = held;
    this.answer ??= answer; // a restored state comes without one
    if (!traces.length && this.frames.length) return; // nothing was read
    if (this.frames.at(-1)?.step === this.steps) this.frames.pop();
    this.frames.push({ step: this.steps, answer, traces, labels, open });
    if (this.frames.length > MOST_FRAMES) this.frames.shift();
  }

  // Goes on by itself for a while; `then` gets what it says, step by step. Stopped midway, the session hasn't moved.
  generate(wishes, signal, then) {
    const done = this.#queue.then(async () => {
      await this.#open();
      const said = [];
      for await (const { event, data } of events(`sessions/${this.session}/generate`, wishes, signal)) {
        if (event === "end") {
          this.steps = data.step;
          this.error = null;
          // What was written is shown by whoever asked for it, until it is read as text.
          if (said[0]?.piece === undefined) this.rows.push(...said.map((x) => ({ x, label: null, before: null })));
          Object.assign(this, { answer: null, previous: null, frames: [], held: null });
          this.changed();
        } else {
          said.push(data.answer);
          then(data.answer);
        }
      }
    });
    this.#queue = done.catch(() => {});
    return done;
  }

  // Hold gates at values, or none; shows at once what would have been said, where the model can tell.
  holdAt(hold) {
    this.hold = hold;
    this.held = null;
    return this.#do(async () => {
      if (hold && this.session) await this.#watch();
    });
  }
}
