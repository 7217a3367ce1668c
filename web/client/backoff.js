/**
 * How long to wait before the next try: doubled each time up to a cap, with full jitter, so that
 * the clients of a server that fell over do not all come back at once.
 */
const FIRST_MS = 500;
const CAP_MS = 15000;

export class Backoff {
    #random;
    #attempts = 0;

    /** @param {() => number} [random] uniform in [0, 1) */
    constructor(random = Math.random) {
        this.#random = random;
    }

    /** Tries since the last reset(). */
    get attempts() {
        return this.#attempts;
    }

    /**
     * Counts a try.
     * @param {number} [atLeastMs] the server's own `retry_after_ms`, jittered on top of it
     * @returns {number} milliseconds to wait
     */
    next(atLeastMs = 0) {
        const boundMs = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(this.#attempts, 16));
        this.#attempts++;
        return Math.round(Math.max(0, atLeastMs) + this.#random() * boundMs);
    }

    /** It worked: the next failure begins anew. */
    reset() {
        this.#attempts = 0;
    }
}
