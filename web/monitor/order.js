/** Which tiles are shown, and in which order. Pure: from states to ids. */
import { attention, FINE } from "./attention.js";

/** Text as people search it: without case, accents and width. */
export function fold(text) {
    return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const SORTS = {
    attention: (a, b) => b.level - a.level,
    name: () => 0,
    mistakes: (a, b) => b.state.mistakes - a.state.mistakes,
    spoken: (a, b) => b.state.audio_ms - a.state.audio_ms,
};

/** The orders there are. */
export const SORT_NAMES = Object.keys(SORTS);

const SHOWS = {
    all: () => true,
    attention: (item) => item.level > FINE,
    speaking: (item) => item.state.speaking,
};

/** The filters there are. */
export const SHOW_NAMES = Object.keys(SHOWS);

function found(state, words) {
    if (words.length === 0) return true;
    const lines = Object.values(state.translations).join(" ");
    const all = fold(`${state.name} ${state.class} ${state.text} ${lines}`);
    return words.every((word) => all.includes(word));
}

function spoken(state, language) {
    return language === "" || state.source === language || state.targets.includes(language);
}

/**
 * @param {object[]} states
 * @param {{sort: string, show: string, search: string, language: string, now: number}} view
 * @param {Intl.Collator} collator by which names are compared
 * @returns {{ids: string[], levels: Map<string, {level: number, reasons: object[]}>}} the sessions
 *     to show, in order, and what {@link attention} says of every one of `states`
 */
export function arrange(states, view, collator) {
    const words = fold(view.search).split(/\s+/).filter(Boolean);
    const levels = new Map();
    const items = [];
    for (const state of states) {
        const of = attention(state, view.now);
        levels.set(state.session, of);
        const item = { state, level: of.level };
        const wanted = SHOWS[view.show](item) && spoken(state, view.language);
        if (wanted && found(state, words)) items.push(item);
    }
    const sort = SORTS[view.sort];
    items.sort((a, b) => sort(a, b) || collator.compare(a.state.name, b.state.name) ||
        (a.state.session < b.state.session ? -1 : 1));
    return { ids: items.map((item) => item.state.session), levels };
}

/**
 * Which elements of a list need not be moved to bring it into another order: a longest run of them
 * that is in that order already.
 * @param {string[]} order as it is
 * @param {string[]} wanted
 * @returns {Set<string>}
 */
export function staying(order, wanted) {
    const place = new Map(wanted.map((id, i) => [id, i]));
    const here = order.filter((id) => place.has(id));
    const ends = [];
    const before = new Map();
    for (const id of here) {
        let low = 0;
        let high = ends.length;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (place.get(ends[middle]) < place.get(id)) low = middle + 1;
            else high = middle;
        }
        before.set(id, ends[low - 1]);
        ends[low] = id;
    }
    const stay = new Set();
    for (let id = ends.at(-1); id !== undefined; id = before.get(id)) stay.add(id);
    return stay;
}
