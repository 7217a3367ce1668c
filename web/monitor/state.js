/**
 * What the server tells of one session (sotto.monitor.v1, docs/protocol.md), as the page keeps it.
 * Names and captions are other people's text and the server may be newer than the page, so every
 * field is taken for what it should be and nothing else is kept: the views need not ask again.
 */

const text = (value) => (typeof value === "string" ? value : "");

/** Marks that turn around what stands beside a name; whatever has no width alone is no name. */
const TURNING = /[\u202A-\u202E\u2066-\u2069]/g;

function name(value) {
    const seen = text(value).replace(TURNING, "").replace(/\p{Cc}+/gu, " ").trim();
    return /[^\p{Cf}\s]/u.test(seen) ? seen : "";
}

const number = (value) => (Number.isFinite(value) ? value : 0);
const flag = (value) => value === true;

function strings(value) {
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function texts(value) {
    const out = Object.create(null);
    if (value === null || typeof value !== "object") return out;
    for (const [lang, line] of Object.entries(value)) {
        if (typeof line === "string") out[lang] = line;
    }
    return out;
}

function health(value) {
    const of = value !== null && typeof value === "object" ? value : {};
    return {
        lag_ms: number(of.lag_ms),
        dropped: number(of.dropped),
        degraded: strings(of.degraded),
        reconnects: number(of.reconnects),
        p95_ms: number(of.p95_ms),
    };
}

const FIELDS = {
    name,
    class: text,
    source: text,
    targets: strings,
    phase: text,
    audio_ms: number,
    speaking: flag,
    segment: number,
    text,
    translations: texts,
    mistakes: number,
    health,
};

function same(a, b) {
    return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/**
 * A session nothing is known of yet.
 * @param {string} session its id
 */
export function stateOf(session) {
    const state = { session };
    for (const [field, take] of Object.entries(FIELDS)) state[field] = take(undefined);
    return state;
}

/**
 * Writes the fields that `change` has into `state`.
 * @returns {boolean} whether anything became different
 */
export function stateMerge(state, change) {
    let changed = false;
    for (const field of Object.keys(change)) {
        if (!Object.hasOwn(FIELDS, field)) continue;
        const value = FIELDS[field](change[field]);
        if (same(state[field], value)) continue;
        state[field] = value;
        changed = true;
    }
    return changed;
}
