/** The teacher's page: puts the store, the connection and the views together. */
import { byId, setText } from "../shared/dom.js";
import { I18n, interfaceLanguages, pickLanguage } from "../shared/i18n.js";
import { languageName } from "../shared/languages.js";
import { Remembered } from "../shared/storage.js";
import { getToken, takeToken, tokenClaims } from "../shared/token.js";
import { ClassView } from "./class_view.js";
import { Feed } from "./feed.js";
import { Frame } from "./frame.js";
import { SessionView } from "./session_view.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { Toolbar } from "./toolbar.js";
import { Wall } from "./wall.js";
import { WORDS } from "./words.js";

/** What the page has done so far; tests read it. */
const counters = { messages: 0, changes: 0, updates: 0, coalesced: 0, tileRenders: 0, frames: 0 };

const remembered = new Remembered("localStorage", "sotto.monitor.");
const store = new Store();
const frame = new Frame(() => counters.frames++);
const feed = new Feed({ url: monitorUrl(), store, token: getToken });
feed.addEventListener("message", (event) => {
    counters.messages++;
    counters.changes += event.detail.changes;
});
const i18n = new I18n(WORDS, remembered.get("language") ?? pickLanguage(navigator.languages));
let view = "wall";
let views = null;
let signedIn = "";

function monitorUrl() {
    return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/monitor`;
}

/** Makes the views in the language of the interface. */
function build() {
    i18n.apply(document);
    document.title = `${i18n.t("title")} – ${i18n.t("name")}`;
    const parts = { store, feed, frame, i18n, counters };
    const wall = new Wall({ ...parts, list: byId("wall") });
    const open = new SessionView(parts);
    const bar = new Toolbar(parts);
    const status = new Status(parts);
    const whole = new ClassView(parts);
    wall.addEventListener("open", (event) => open.open(event.detail.session));
    wall.addEventListener("shown", (event) => drawCount(status, event.detail));
    wall.addEventListener("stale", (event) => (byId("stale").hidden = !event.detail.stale));
    open.addEventListener("close", (event) => wall.focus(event.detail.session));
    bar.addEventListener("view", (event) => wall.setView(event.detail));
    bar.addEventListener("class", (event) => chooseClass(event.detail.name));
    status.addEventListener("signin", onSignIn);
    wall.setView(bar.view);
    whole.setClass(bar.className);
    return { wall, open, bar, status, whole };
}

/** Who uses the page, as far as it decides what they may see; "" of a token that does not say. */
function whoseToken() {
    const { sub, role, class: classes } = tokenClaims(getToken());
    return sub === undefined ? "" : JSON.stringify([sub, role, classes]);
}

/** Somebody else finds nothing of who was here before, and no class chosen that is not theirs. */
function onSignIn() {
    const whose = whoseToken();
    if (whose === signedIn) return;
    if (whose !== "") store.replace([]);
    if (whose !== "" || views.bar.className !== "") views.bar.clearClass();
}

/** A link that is opened where the page is open already changes the fragment alone. */
function onFragment() {
    const before = getToken();
    if (takeToken() === before) return;
    onSignIn();
    feed.start();
}

function onState({ state }) {
    if (state === "live") signedIn = whoseToken();
    views.wall.look();
}

function chooseClass(name) {
    views.open.close();
    feed.watch({ class: name });
    views.whole.setClass(name);
}

function drawCount(status, { shown, all, attention }) {
    const count = shown === all ? i18n.t("wall.count", { n: all })
        : i18n.t("wall.some", { shown, all });
    const needing = attention > 0 ? i18n.t("wall.attention", { n: attention }) : "";
    setText(byId("count"), count);
    setText(byId("needing"), needing);
    byId("empty").hidden = all > 0 || document.documentElement.dataset.state !== "live";
    byId("none").hidden = all === 0 || shown > 0;
    status.announce([count, needing].filter(Boolean).join(", "));
}

function show(name) {
    view = name;
    for (const button of document.querySelectorAll("[data-view]")) {
        if (button.dataset.view === name) button.setAttribute("aria-current", "page");
        else button.removeAttribute("aria-current");
    }
    byId("wall-view").hidden = name !== "wall";
    if (name === "class") views.whole.open();
    else views.whole.close();
}

function onLanguage() {
    for (const part of [views.open, views.bar, views.status, views.whole]) part.end();
    views.wall.close();
    views = build();
    show(view);
}

/** Where a browser does not let us copy, the address stands there selected. */
async function copyAddress() {
    const address = byId("learner-address");
    try {
        await navigator.clipboard.writeText(address.textContent);
        setText(byId("copy"), i18n.t("empty.copied"));
    } catch {
        getSelection().selectAllChildren(address);
    }
}

function onKey(event) {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    show("wall");
    byId("search").focus();
}

function fillLanguages() {
    const choice = byId("interface-language");
    choice.replaceChildren(...interfaceLanguages().map((tag) =>
        new Option(languageName(tag, tag), tag, false, tag === i18n.language)));
    choice.addEventListener("change", () => {
        remembered.set("language", choice.value);
        i18n.language = choice.value;
    });
}

function start() {
    takeToken();
    window.sottoCounters = counters;
    fillLanguages();
    byId("learner-address").textContent = `${location.origin}/`;
    views = build();
    i18n.addEventListener("change", onLanguage);
    feed.addEventListener("state", (event) => onState(event.detail));
    for (const button of document.querySelectorAll("[data-view]")) {
        button.addEventListener("click", () => show(button.dataset.view));
    }
    byId("stale").addEventListener("click", () => views.wall.refresh());
    byId("none-clear").addEventListener("click", () => views.bar.clear());
    byId("copy").addEventListener("click", copyAddress);
    document.addEventListener("keydown", onKey);
    addEventListener("hashchange", onFragment);
    feed.start();
}

start();
