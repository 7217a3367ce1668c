/**
 * One session on the wall. It writes to the page only what is different from what it wrote last,
 * into elements of a fixed size, so that nothing but the tile itself is laid out anew.
 */
import { el, setAttribute } from "../shared/dom.js";
import { isHeld, LOOK, TROUBLE } from "./attention.js";

const TEXT_MAX = 220;
const LEVELS = { [LOOK]: "look", [TROUBLE]: "trouble" };

/**
 * The end of a text, which is where one reads along: at most `max` characters, from a word on.
 * @param {string} text
 * @param {number} [max]
 */
export function tail(text, max = TEXT_MAX) {
    if (text.length <= max) return text;
    let from = text.length - max;
    const space = text.indexOf(" ", from);
    if (space >= 0 && space < text.length - max / 2) from = space + 1;
    else if (/[\uDC00-\uDFFF]/.test(text[from])) from++;
    return `… ${text.slice(from)}`;
}

/** The first translation there is, in the order the learner asked for them. */
export function firstTranslation(state) {
    const lang = state.targets.find((target) => state.translations[target]);
    return lang === undefined ? { lang: "", line: "" } : { lang, line: state.translations[lang] };
}

/** @returns {string} what to call the learner of a session */
export function nameOf(i18n, { name, session }) {
    return name || i18n.t("session.unnamed", { id: session.slice(0, 6) });
}

/** @returns {string} a reason of {@link attention} in words */
export function reasonText(i18n, { key, what = [], n }) {
    return i18n.t(key, { what: i18n.list(what.map((one) => i18n.t(`degraded.${one}`))), n });
}

export class Tile {
    #i18n;
    #drawn = new Map();
    #parts;

    /**
     * @param {object} i18n see /web/shared/i18n.js
     * @param {object} state the session's, drawn at once
     * @param {() => void} onOpen
     */
    constructor(i18n, state, onOpen) {
        this.#i18n = i18n;
        const parts = {
            name: el("bdi", { class: "tile-name" }),
            voice: el("span", { class: "visually-hidden" }),
            group: el("bdi", { class: "tile-class" }),
            languages: el("span", { class: "tile-languages" }),
            text: el("bdi", { class: "tile-line", dir: "auto" }),
            translation: el("bdi", { class: "tile-line", dir: "auto" }),
            mistakes: el("span", { class: "tile-mistakes" }),
            why: el("span", { class: "tile-why" }),
            latency: el("span", { class: "tile-latency" }),
        };
        const on = { click: onOpen };
        parts.open = el("button", { class: "tile-open", type: "button", on }, parts.name);
        parts.root = el("li", { class: "tile", "data-test": "tile" },
            el("div", { class: "tile-head" }, el("span", { class: "tile-dot" }), parts.open,
               parts.voice, parts.group, parts.languages),
            el("p", { class: "tile-text" }, parts.text),
            el("p", { class: "tile-translation" }, parts.translation),
            el("div", { class: "tile-foot" }, parts.why, parts.mistakes, parts.latency));
        parts.root.dataset.session = state.session;
        this.#parts = parts;
        this.draw(state);
    }

    get root() {
        return this.#parts.root;
    }

    /** Writes what is new of the state. */
    draw(state) {
        const { name, group, languages, text, translation, mistakes, latency, root } = this.#parts;
        this.#put(name, state.name, () => nameOf(this.#i18n, state));
        this.#put(group, state.class);
        this.#put(languages, [state.source, state.targets.join(", ")].filter(Boolean).join(" → "));
        this.#put(text, state.text, tail);
        setAttribute(text, "lang", state.source || null);
        const { lang, line } = firstTranslation(state);
        this.#put(translation, line, tail);
        setAttribute(translation, "lang", lang || null);
        this.#put(mistakes, state.mistakes, (n) => (n ? this.#i18n.t("tile.mistakes", { n }) : ""));
        this.#put(latency, state.health.p95_ms, (ms) => (ms ? this.#i18n.t("tile.latency", {
            s: this.#i18n.number(ms / 1000, { maximumFractionDigits: 1 }),
        }) : ""));
        this.#voice(state);
        this.#flag(root, "held", isHeld(state));
    }

    /** Writes what {@link attention} says. */
    drawAttention({ level, reasons }) {
        const { root, why } = this.#parts;
        this.#put(why, reasons[0] ? reasonText(this.#i18n, reasons[0]) : "");
        setAttribute(root, "data-level", LEVELS[level] ?? null);
        this.#flag(root, "gone", false);
    }

    /** The session is gone, the tile has to stay a while. */
    drawGone() {
        this.#parts.root.dataset.gone = "";
        this.#put(this.#parts.why, this.#i18n.t("session.over"));
    }

    #voice({ speaking }) {
        this.#flag(this.#parts.root, "speaking", speaking);
        this.#put(this.#parts.voice, speaking, (on) => (on ? this.#i18n.t("tile.speaking") : ""));
    }

    /** Writes `value` as text, unless it is what was written there last. */
    #put(element, value, format = String) {
        if (this.#drawn.get(element) === value) return;
        this.#drawn.set(element, value);
        const text = format(value);
        if (element.firstChild) element.firstChild.data = text;
        else element.append(text);
    }

    #flag(element, name, on) {
        if (name in element.dataset === on) return;
        if (on) element.dataset[name] = "";
        else delete element.dataset[name];
    }
}
