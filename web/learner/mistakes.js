/**
 * Today's mistakes: what was corrected since midnight, over all sessions in this browser, each
 * kind of slip once. It is forgotten the next day.
 */
import { editParts } from "../client/edits.js";
import { Remembered } from "../shared/storage.js";

/** Kept; the oldest give way. */
export const MISTAKES_MAX = 300;
/** Sentences that are remembered to have been counted. */
export const PLACES_MAX = 1000;
/** Letters of the sentence around the mistake that are kept. */
const AROUND = 40;

/**
 * @typedef {object} Mistake
 * @property {string} key of the slip: the same one made again has the same
 * @property {string} place where it was made last, "session/segment"
 * @property {string} kind
 * @property {string} from
 * @property {string} to
 * @property {string} before of the sentence
 * @property {string} after
 * @property {string} message
 * @property {string} lang of the sentence
 * @property {number} times
 */

/** Event "change". */
export class Mistakes extends EventTarget {
    #kept;
    #today;
    #day;
    /** @type {Map<string, Mistake>} the latest last */
    #slips = new Map();
    #places = new Set();

    /**
     * @param {string} who sees them: another learner at this browser has a list of their own
     * @param {Remembered} [kept]
     * @param {() => string} [today] a name of the day
     */
    constructor(who, kept = new Remembered("localStorage", "sotto.mistakes."), today = dayName) {
        super();
        this.#kept = kept;
        this.#today = today;
        this.use(who);
    }

    /** Shows the list of somebody else. */
    use(who) {
        this.#day = this.#today();
        this.#slips.clear();
        this.#places.clear();
        const kept = this.#kept.get("list", null);
        if (kept?.who === who) this.#take(kept);
        this.who = who;
        this.dispatchEvent(new Event("change"));
    }

    /** What is remembered may have been edited by hand. */
    #take({ day, slips, places }) {
        const list = (value) => (Array.isArray(value) ? value : []);
        if (day === this.#day)
            for (const slip of list(slips).slice(-MISTAKES_MAX))
                if (typeof slip?.key === "string") this.#slips.set(slip.key, slip);
        for (const place of list(places).slice(-PLACES_MAX)) this.#places.add(place);
    }

    /**
     * The corrections of a sentence. Told again, also after a reload, it changes nothing.
     * @param {string} place
     * @param {import("../client/transcript.js").Segment} segment
     */
    add(place, segment) {
        if (!segment.grammarFinal || this.#places.has(place)) return;
        this.#newDay();
        const edits = slipsOf(place, segment);
        if (edits.length === 0) return;
        this.#places.add(place);
        if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value);
        for (const slip of edits) this.#keep(slip);
        this.#save();
        this.dispatchEvent(new Event("change"));
    }

    /** @returns {Mistake[]} the latest first */
    get list() {
        return [...this.#slips.values()].reverse();
    }

    get count() {
        let count = 0;
        for (const slip of this.#slips.values()) count += slip.times;
        return count;
    }

    clear() {
        this.#slips.clear();
        this.#save();
        this.dispatchEvent(new Event("change"));
    }

    #keep(slip) {
        const known = this.#slips.get(slip.key);
        this.#slips.delete(slip.key);
        this.#slips.set(slip.key, { ...slip, times: (known?.times ?? 0) + 1 });
        if (this.#slips.size > MISTAKES_MAX) this.#slips.delete(this.#slips.keys().next().value);
    }

    #save() {
        const slips = [...this.#slips.values()];
        const places = [...this.#places];
        this.#kept.set("list", { day: this.#day, who: this.who, slips, places });
    }

    #newDay() {
        const day = this.#today();
        if (day === this.#day) return;
        this.#day = day;
        this.#slips.clear();
    }
}

function slipsOf(place, segment) {
    const parts = editParts(segment.committed, segment.edits);
    return parts.flatMap(({ edit }, i) => {
        if (!edit) return [];
        const before = parts.slice(0, i).map((part) => part.text).join("");
        const after = parts.slice(i + 1).map((part) => part.text).join("");
        const { from, to, kind, message } = edit;
        const key = `${segment.language}|${kind}|${from}|${to}`.toLowerCase();
        return [{ key, place, kind, from, to, message, lang: segment.language,
            before: lastWords(before), after: firstWords(after) }];
    });
}

function lastWords(text) {
    const letters = Array.from(text);
    if (letters.length <= AROUND) return text;
    return `…${letters.slice(-AROUND).join("").replace(/^\S*\s/u, "")}`;
}

function firstWords(text) {
    const letters = Array.from(text);
    if (letters.length <= AROUND) return text;
    return `${letters.slice(0, AROUND).join("").replace(/\s\S*$/u, "")}…`;
}

function dayName() {
    const now = new Date();
    return `${now.getFullYear()}-${now.getMonth() + 1}-${now.getDate()}`;
}
