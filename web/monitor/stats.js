/** Figures of the class as it is now and over the last minutes. Pure and of bounded size. */
import { isHeld } from "./attention.js";

/** Samples kept of each series: ten minutes at one a second. */
export const SAMPLES_MAX = 600;

/** The last SAMPLES_MAX values of something, oldest first. */
export class Series {
    #values = new Float64Array(SAMPLES_MAX);
    #next = 0;
    #count = 0;

    push(value) {
        this.#values[this.#next] = value;
        this.#next = (this.#next + 1) % SAMPLES_MAX;
        this.#count = Math.min(this.#count + 1, SAMPLES_MAX);
    }

    get length() {
        return this.#count;
    }

    /** @returns {number[]} oldest first */
    values() {
        const from = (this.#next - this.#count + SAMPLES_MAX) % SAMPLES_MAX;
        const at = (_, i) => this.#values[(from + i) % SAMPLES_MAX];
        return Array.from({ length: this.#count }, at);
    }

    get last() {
        return this.#count === 0 ? 0 : this.#values[(this.#next - 1 + SAMPLES_MAX) % SAMPLES_MAX];
    }
}

/**
 * The value below which `share` of them lie (nearest rank); 0 of none.
 * @param {number[]} sorted ascending
 */
export function quantile(sorted, share) {
    if (sorted.length === 0) return 0;
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * One look at all sessions.
 * @returns {{sessions: number, speaking: number, held: number, mistakes: number, audioMs: number,
 *     medianMs: number, worstMs: number}} `medianMs` and `worstMs` are of the sessions'
 *     own p95 from audio to caption
 */
export function classFigures(states) {
    const figures = { sessions: states.length, speaking: 0, held: 0, mistakes: 0, audioMs: 0 };
    const p95 = [];
    for (const state of states) {
        if (state.speaking) figures.speaking++;
        if (isHeld(state)) figures.held++;
        figures.mistakes += state.mistakes;
        figures.audioMs += state.audio_ms;
        if (state.health.p95_ms > 0) p95.push(state.health.p95_ms);
    }
    p95.sort((a, b) => a - b);
    figures.medianMs = quantile(p95, 0.5);
    figures.worstMs = p95.at(-1) ?? 0;
    return figures;
}

/** Counts what was wrong in the sentences of many sessions: by kind, and which words how often. */
export class Mistakes {
    #kinds = new Map();
    #pairs = new Map();
    #pairsMax;

    /** @param {number} pairsMax mistakes that are told apart; further ones count by kind alone */
    constructor(pairsMax = 2000) {
        this.#pairsMax = pairsMax;
    }

    /** @param {object} message a final `grammar` message */
    add(message) {
        for (const edit of Array.isArray(message?.edits) ? message.edits : []) {
            if (typeof edit?.kind !== "string") continue;
            this.#kinds.set(edit.kind, (this.#kinds.get(edit.kind) ?? 0) + 1);
            this.#addPair(edit);
        }
    }

    #addPair({ kind, from, to, message }) {
        if (typeof from !== "string" || typeof to !== "string") return;
        const key = JSON.stringify([kind, from.toLowerCase(), to.toLowerCase()]);
        const pair = this.#pairs.get(key);
        if (pair) pair.count++;
        else if (this.#pairs.size < this.#pairsMax) {
            const why = typeof message === "string" ? message : "";
            this.#pairs.set(key, { kind, from, to, message: why, count: 1 });
        }
    }

    /** @returns {{kind: string, count: number}[]} most frequent first */
    kinds() {
        const kinds = [...this.#kinds].map(([kind, count]) => ({ kind, count }));
        return kinds.sort((a, b) => b.count - a.count);
    }

    /** @returns {{kind, from, to, message, count}[]} the `max` most frequent */
    top(max) {
        return [...this.#pairs.values()].sort((a, b) => b.count - a.count).slice(0, max);
    }
}
