/**
 * What a screen reader says by itself: finished sentences and how it stands, each once, a few at a
 * time, never what may still change.
 */
import { el } from "../shared/dom.js";

const STATUS_WAIT_MS = 700;
const TEXT_EVERY_MS = 1500;
const TEXT_STAYS_MS = 15000;
/** When much is said, the latest sentences are read and the older ones are left to the page. */
const WAITING_MAX = 4;

export class Announcer {
    #status;
    #text;
    #told = ""; // what was told last: said, or about to be
    #said = "";
    #statusTimer = 0;
    #textTimer = 0;
    #waiting = [];

    /** @param {HTMLElement} status @param {HTMLElement} text two live regions, polite */
    constructor(status, text) {
        this.#status = status;
        this.#text = text;
    }

    /** How it stands, as often as one likes. What lasts only for a moment is not said. */
    status(text) {
        if (text === this.#told) return;
        this.#told = text;
        clearTimeout(this.#statusTimer);
        if (text === this.#said) return;
        this.#statusTimer = setTimeout(() => {
            this.#said = text;
            this.#status.textContent = text;
        }, STATUS_WAIT_MS);
    }

    /** A finished sentence. */
    sentence(text, lang) {
        this.#waiting.push(el("p", { text, lang: lang || null }));
        if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
        if (!this.#textTimer) this.#say();
    }

    #say() {
        this.#textTimer = 0;
        if (this.#waiting.length === 0) return;
        const lines = this.#waiting.splice(0);
        this.#text.append(...lines);
        setTimeout(() => lines.forEach((line) => line.remove()), TEXT_STAYS_MS);
        this.#textTimer = setTimeout(() => this.#say(), TEXT_EVERY_MS);
    }
}
