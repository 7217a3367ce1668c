/**
 * What was said, as the server told it: a pure reducer of sotto.v1 messages. It keeps the rules of
 * the protocol (revisions, finals, epochs), so that whoever draws only follows its changes.
 *
 * Events: "change", detail {@link Change}; one for each segment that a message changed, none for
 * what is stale or known already. One Transcript follows one session.
 */
import { emit } from "./emit.js";

/**
 * @typedef {object} Translation
 * @property {string} committed
 * @property {string} tentative shown right behind `committed`
 * @property {boolean} final
 * @property {string} failed why the final could not be had, "" when it could
 * @property {number} rev of the server's message
 *
 * @typedef {object} Edit positions are code points of the segment's text, see edits.js
 * @property {number} start
 * @property {number} end
 * @property {string} from
 * @property {string} to
 * @property {string} kind
 * @property {string} message
 *
 * @typedef {object} Note
 * @property {string} note
 * @property {string} by
 * @property {number} seq of the message, 0 when it had none
 *
 * @typedef {object} Segment
 * @property {number} segment 1, 2, 3 …
 * @property {number} rev of the transcript; 0: nothing of it came yet
 * @property {string} committed
 * @property {string} tentative
 * @property {boolean} final of the transcript
 * @property {boolean} spliced
 * @property {string} language
 * @property {number} start_ms audio time
 * @property {number} end_ms
 * @property {{w: string, start_ms: number, end_ms: number}[]} words
 * @property {Object<string, Translation>} translations by language; has no prototype
 * @property {string} corrected "" until grammar came
 * @property {Edit[]} edits
 * @property {number} grammarRev
 * @property {boolean} grammarFinal the corrections are complete
 * @property {string} grammarFailed why they could not be had, or ""
 * @property {Note[]} notes a teacher's remarks
 *
 * @typedef {object} Change
 * @property {"added"|"changed"|"removed"} change
 * @property {Segment} segment the object itself: read it, do not write it
 * @property {"transcript"|"translation"|"grammar"|"note"|"epoch"|"bound"} what
 * @property {string} lang of a translation, else ""
 */

const emptyText = () => ({ rev: 0, final: false, committed: "", tentative: "" });
const emptyGrammar = () => ({
    grammarRev: 0,
    grammarFinal: false,
    grammarFailed: "",
    corrected: "",
    edits: [],
});

function emptySegment(number) {
    return {
        segment: number,
        ...emptyText(),
        spliced: false,
        language: "",
        start_ms: 0,
        end_ms: 0,
        words: [],
        translations: Object.create(null), // a language may be named __proto__
        ...emptyGrammar(),
        notes: [],
    };
}

const isEmpty = (segment) =>
    segment.rev === 0 &&
    segment.grammarRev === 0 &&
    segment.notes.length === 0 &&
    Object.keys(segment.translations).length === 0;

const text = (value) => (typeof value === "string" ? value : "");
const number = (value) => (Number.isFinite(value) ? value : 0);
const textsOf = (value, keys) => Object.fromEntries(keys.map((key) => [key, text(value[key])]));
const list = (value) => (Array.isArray(value) ? value : []);

/* Corrections of which each has its parts: what is drawn must not have to ask. */
const editList = (value) =>
    list(value).flatMap((edit) =>
        Number.isInteger(edit?.start) && Number.isInteger(edit.end)
            ? { ...edit, ...textsOf(edit, ["from", "to", "kind", "message"]) }
            : [],
    );

/* Whether a message says anything new about what stands at a revision. */
const isNews = (message, rev, final) => !final && (message.rev > rev || message.final === true);

function takeText(into, message) {
    into.rev = number(message.rev);
    into.final = message.final === true;
    into.committed = text(message.committed);
    into.tentative = into.final ? "" : text(message.tentative);
}

function takeTranscript(segment, message) {
    if (!isNews(message, segment.rev, segment.final)) {
        return false;
    }
    takeText(segment, message);
    segment.spliced = message.spliced === true;
    segment.language = text(message.language);
    segment.start_ms = number(message.start_ms);
    segment.end_ms = number(message.end_ms);
    segment.words = list(message.words);
    return true;
}

function takeTranslation(segment, message) {
    const lang = text(message.lang);
    const now = segment.translations[lang] ?? { ...emptyText(), failed: "" };
    if (lang === "" || !isNews(message, now.rev, now.final)) {
        return false;
    }
    takeText(now, message);
    now.failed = text(message.failed);
    segment.translations[lang] = now;
    return true;
}

function takeGrammar(segment, message) {
    if (!isNews(message, segment.grammarRev, segment.grammarFinal)) {
        return false;
    }
    segment.grammarRev = number(message.rev);
    segment.grammarFinal = message.final === true;
    segment.grammarFailed = text(message.failed);
    segment.corrected = text(message.corrected);
    segment.edits = editList(message.edits);
    return true;
}

function takeNote(segment, message) {
    const seq = number(message.seq);
    if (seq > 0 && segment.notes.some((note) => note.seq === seq)) {
        return false;
    }
    segment.notes.push({ note: text(message.note), by: text(message.by), seq });
    return true;
}

const TAKE = new Map([
    ["transcript", takeTranscript],
    ["translation", takeTranslation],
    ["grammar", takeGrammar],
    ["note", takeNote],
]);

/* Forgets what is not final; whether anything was. */
function dropTentative(segment) {
    let dropped = false;
    if (segment.rev > 0 && !segment.final) {
        Object.assign(segment, emptyText());
        segment.words = [];
        dropped = true;
    }
    for (const [lang, translation] of Object.entries(segment.translations)) {
        if (!translation.final) {
            delete segment.translations[lang];
            dropped = true;
        }
    }
    if (segment.grammarRev > 0 && !segment.grammarFinal) {
        Object.assign(segment, emptyGrammar());
        dropped = true;
    }
    return dropped;
}

export class Transcript extends EventTarget {
    #epoch = 0;
    #byNumber = new Map();
    #segmentsMax;

    /** @param {{segmentsMax?: number}} [bounds] the oldest segments are removed past it */
    constructor({ segmentsMax = 10000 } = {}) {
        super();
        this.#segmentsMax = segmentsMax;
        /** @type {Segment[]} in order of their numbers */
        this.segments = [];
    }

    /**
     * A message of the server. Those that say nothing about text are ignored. Durable messages may
     * come in any order and more than once, as a monitor's history brings them.
     * @param {object} message
     * @returns {boolean} whether anything changed
     */
    apply(message) {
        if (message.type === "session.started") {
            return this.#begin(number(message.epoch), number(message.open_segment));
        }
        const take = TAKE.get(message.type);
        if (take === undefined || !Number.isSafeInteger(message.segment) || message.segment < 1) {
            return false;
        }
        const known = this.#byNumber.get(message.segment);
        const segment = known ?? emptySegment(message.segment);
        if (!take(segment, message)) {
            return false;
        }
        if (known === undefined) {
            this.#insert(segment);
        }
        const lang = message.type === "translation" ? message.lang : "";
        this.#tell(known === undefined ? "added" : "changed", segment, message.type, lang);
        this.#bound();
        return true;
    }

    /** @returns {Segment|undefined} */
    get(segment) {
        return this.#byNumber.get(segment);
    }

    /** Forgets everything; no event. */
    clear() {
        this.segments = [];
        this.#byNumber.clear();
        this.#epoch = 0;
    }

    /* A new epoch voids what was not final from the open segment on. */
    #begin(epoch, openSegment) {
        const voids = this.#epoch !== 0 && epoch !== this.#epoch;
        this.#epoch = epoch;
        if (!voids) {
            return false;
        }
        const dropped = this.segments.filter(
            (segment) => segment.segment >= openSegment && dropTentative(segment),
        );
        for (const segment of dropped) {
            if (isEmpty(segment)) {
                this.#remove(segment, "epoch");
            } else {
                this.#tell("changed", segment, "epoch");
            }
        }
        return dropped.length > 0;
    }

    #insert(segment) {
        this.#byNumber.set(segment.segment, segment);
        let at = this.segments.length;
        while (at > 0 && this.segments[at - 1].segment > segment.segment) {
            at--;
        }
        this.segments.splice(at, 0, segment);
    }

    #remove(segment, what) {
        this.#byNumber.delete(segment.segment);
        this.segments.splice(this.segments.indexOf(segment), 1);
        this.#tell("removed", segment, what);
    }

    #bound() {
        while (this.segments.length > this.#segmentsMax) {
            this.#remove(this.segments[0], "bound");
        }
    }

    #tell(change, segment, what, lang = "") {
        emit(this, "change", { change, segment, what, lang });
    }
}
