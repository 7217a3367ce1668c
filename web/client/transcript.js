/**
 * What was said, as the server told it: a pure reducer of sotto.v1 messages. It keeps the rules of
 * the protocol (revisions, finals, epochs), so that whoever draws only follows its changes.
 *
 * Events: "change", detail {@link Change}; one for each message that changed anything, none for
 * what is stale or known already.
 */

/**
 * @typedef {object} Translation
 * @property {string} committed
 * @property {string} tentative shown right behind `committed`
 * @property {boolean} final
 * @property {string} failed why the final could not be had, "" when it could
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
 *
 * @typedef {object} Segment
 * @property {number} segment 1, 2, 3 …
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

export class Transcript extends EventTarget {
    /** @param {{segmentsMax?: number}} [bounds] the oldest segments are removed past it */
    constructor({ segmentsMax = 10000 } = {}) {
        super();
        this.segmentsMax = segmentsMax;
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
        throw new Error("not yet");
    }

    /** @returns {Segment|undefined} */
    get(segment) {
        throw new Error("not yet");
    }

    /** Forgets everything; no event. For a session that begins. */
    clear() {
        this.segments = [];
    }
}
