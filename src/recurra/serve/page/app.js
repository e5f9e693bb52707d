// The page: which models there are, and what each part shows of the one that is chosen.

import { Refusal, connection, get } from "./api.js";
import { Card, Verdict } from "./card.js";
import { Guard } from "./guard.js";
import { Inside } from "./inside.js";
import { Lane } from "./lane.js";
import { panelOf } from "./panels/index.js";
import { named, settings, t } from "./settings.js";
import { State } from "./state.js";
import { useStore } from "./store.js";
import { html, render, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const MOST_LANES = 2;

function Head({ models, chosen, onChoose }) {
  useStore(settings);
  const next = { auto: "dark", dark: "light", light: "auto" }[settings.theme];
  return html`<header class="top">
    <a class="skip" href="#content">${t("skip")}</a>
    <img src="static/icon.svg" alt="" width="28" height="28" /><span class="brand">recurra</span>
    ${models.length > 1 && html`<label class="models"><span class="hidden">${t("models")}</span><select value=${chosen} onChange=${(event) => onChoose(event.target.value)}>${models.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select></label>`}
    <span class="grow"></span>
    <button type="button" class="plain" lang=${settings.language === "en" ? "zh-CN" : "en"} onClick=${() => settings.choose("language", settings.language === "en" ? "zh" : "en")}>${settings.language === "en" ? "中文" : "English"}</button>
    <button type="button" class="plain" aria-label=${t("theme", { name: t(`theme.${settings.theme}`) })} onClick=${() => settings.choose("theme", next)}>◐ ${t(`theme.${settings.theme}`)}</button>
  </header>`;
}

function Connection() {
  useStore(connection);
  useStore(settings);
  if (connection.locked) return html`<${Token} />`;
  return html`<div role="status">${connection.lost && html`<p class="banner">${t("lost")}</p>`}</div>`;
}

function Token() {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState(Boolean(connection.token));
  const submit = (event) => {
    event.preventDefault();
    if (!/^[!-~]+$/.test(token.trim())) return setWrong(true); // no header could carry it
    connection.unlock(token.trim());
    location.reload();
  };
  return html`<form class="banner" onSubmit=${submit}><input class="hidden" autocomplete="username" value="recurra" readonly tabindex="-1" aria-hidden="true" /><label>${t("token")} <input type="password" autocomplete="current-password" required value=${token} onInput=${(event) => (setToken(event.target.value), setWrong(false))} /></label> <button class="main">${t("token.use")}</button>${wrong && html`<p class="error" role="alert">${t("token.wrong")}</p>`}</form>`;
}

function Lanes({ lanes, card, spec, panel, onFork, onClose }) {
  return html`<div class=${`lanes ${lanes.length > 1 ? "two" : ""}`}>
    ${lanes.map((lane, i) => {
      const name = t(i ? "lane.fork" : "lane.first");
      return html`<section class="card lane" key=${lane.key} aria-label=${name}>
        <div class="head"><h2>${lanes.length > 1 ? name : t("lane.live")}</h2>
          <${State} lane=${lane} name=${name} onFork=${lanes.length < MOST_LANES && (() => onFork(lane))} onClose=${lanes.length > 1 && (() => onClose(lane))} />
        </div>
        <${Trouble} lane=${lane} />
        <${panel.Live} lane=${lane} card=${card} spec=${spec} name=${name} />
      </section>`;
    })}
  </div>`;
}

// What the server refused, in its own words.
function Trouble({ lane }) {
  useStore(lane);
  return html`
    <div role="alert">${lane.error && html`<p class="error">${lane.error.message}${lane.isUnknown && html` <button type="button" onClick=${() => lane.renew()}>${t("lane.renew")}</button>`}</p>`}</div>
    <div role="status">${lane.note && html`<p class="soft">${t(lane.note, { steps: lane.steps })}</p>`}${lane.busy > 0 && html`<span class="busy">${t("busy")}</span>`}</div>
  `;
}

function Watched(props) {
  const { lane } = props;
  useStore(lane);
  return html`<${Guard} version=${`${lane.session}/${lane.steps}`}><${Inside} ...${props} /><//>`;
}

const PARTS = { source: "nav.source", live: "lane.live", inside: "inside.title", about: "card.title" };

function Title({ name, card, links }) {
  return html`
    <div class="title"><h1>${name}</h1><p class="soft">${named("task", card.task)}</p><${Verdict} card=${card} /></div>
    <nav aria-label=${t("sections")}>${links.map((link) => html`<a href=${`#${link}`}>${t(PARTS[link])}</a>`)}</nav>`;
}

function Model({ name }) {
  useStore(settings);
  const [model, setModel] = useState(null);
  const [lanes, setLanes] = useState([]);
  const [watched, setWatched] = useState(0);
  const [wrong, setWrong] = useState(null);
  useEffect(() => {
    let gone = false;
    const path = `models/${encodeURIComponent(name)}`;
    Promise.all([get(path), get(`${path}/spec`)]).then(
      ([card, spec]) => {
        if (gone) return;
        setModel({ card, spec });
        setLanes(spec.obstacle ? [] : [new Lane(name, spec, panelOf(card, spec))]);
      },
      (error) => {
        if (!(error instanceof Refusal)) throw error;
        setWrong(error.message);
      },
    );
    return () => (gone = true);
  }, [name]);
  const all = useRef(lanes);
  all.current = lanes;
  useEffect(() => () => all.current.forEach((lane) => lane.close()), []);
  useEffect(() => void (document.title = `${name} · recurra`), [name]);
  if (wrong) return html`<p class="error" role="alert">${wrong}</p>`;
  if (!model) return html`<p class="empty">${t("busy")}</p>`;
  const { card, spec } = model;
  const panel = panelOf(card, spec);
  const { Source } = panel;
  if (!lanes.length)
    return html`
      <${Title} name=${name} card=${card} links=${["source", "about"]} />
      <main id="content" tabindex="-1"><${panel.Whole} card=${card} spec=${spec} /><${Card} card=${card} /></main>`;
  const lane = lanes[Math.min(watched, lanes.length - 1)];
  const fork = async (from) => {
    const other = await from.fork();
    if (other) setLanes((all) => [...all, other]);
  };
  const close = (gone) => {
    gone.close();
    setLanes((all) => all.filter((each) => each !== gone));
  };
  const choice = lanes.length > 1 && html`<fieldset class="choice"><legend>${t("inside.lane")}</legend>${lanes.map((_, i) => html`<label><input type="radio" name="lane" checked=${lanes[i] === lane} onChange=${() => setWatched(i)} /><span>${t(i ? "lane.fork" : "lane.first")}</span></label>`)}</fieldset>`;
  return html`
    <${Title} name=${name} card=${card} links=${[...(Source ? ["source"] : []), "live", "inside", "about"]} />
    <main id="content" tabindex="-1">
      ${Source && html`<${Source} key=${lanes[0].key} lane=${lanes[0]} card=${card} spec=${spec} />`}
      <div id="live"><${Lanes} lanes=${lanes} card=${card} spec=${spec} panel=${panel} onFork=${fork} onClose=${close} /></div>
      <${Watched} key=${lane.key} lane=${lane} card=${card} panel=${panel} choice=${choice} />
      <${Card} card=${card} />
    </main>`;
}

const asked = () => new URLSearchParams(location.hash.slice(1)).get("model");
const addressOf = (name) => `#model=${encodeURIComponent(name)}`;

function App() {
  useStore(settings);
  const [models, setModels] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [wrong, setWrong] = useState(null);
  useEffect(() => {
    get("models").then(
      ({ models: found }) => {
        setModels(found);
        setChosen(found.find(({ name }) => name === asked())?.name ?? found[0]?.name);
      },
      (error) => {
        if (!(error instanceof Refusal)) throw error;
        if (!connection.locked) setWrong(error.message);
      },
    );
  }, []);
  // The address names the model; a link to a part of the page, or a name that isn't there, leaves it.
  useEffect(() => {
    if (!chosen) return;
    const write = () => history.replaceState(null, "", addressOf(chosen));
    const follow = () => (models.some(({ name }) => name === asked()) ? setChosen(asked()) : write());
    if (asked() !== chosen) write();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [models, chosen]);
  return html`
    <${Head} models=${models ?? []} chosen=${chosen} onChoose=${(name) => (location.hash = addressOf(name))} />
    <${Connection} />
    ${wrong && html`<p class="error" role="alert">${wrong}</p>`}
    ${chosen && html`<${Model} key=${chosen} name=${chosen} />`}
    ${models && !models.length && html`<p class="empty">${t("models.none")}</p>`}
  `;
}

render(html`<${App} />`, document.getElementById("app"));
