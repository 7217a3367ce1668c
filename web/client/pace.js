/**
 * How much audio may be sent: real time times a speed, and what a pause saves up, at most a burst.
 * The server takes faster audio too, but reads it late (sotto.v1 §4.8).
 */
const BURST_S = 1;

export class Pace {
    #rate;
    #burst;
    #room;
    #sinceMs;

    /**
     * @param {number} rate samples a second at speed 1
     * @param {number} speed times real time
     * @param {number} nowMs
     */
    constructor(rate, speed, nowMs) {
        this.#rate = rate * speed;
        this.#burst = rate * BURST_S;
        this.#room = this.#burst;
        this.#sinceMs = nowMs;
    }

    /** Samples that may be sent now. */
    room(nowMs) {
        const gained = (Math.max(0, nowMs - this.#sinceMs) * this.#rate) / 1000;
        this.#room = Math.min(this.#burst, this.#room + gained);
        this.#sinceMs = nowMs;
        return Math.floor(this.#room);
    }

    /** They were sent. */
    take(samples) {
        this.#room -= samples;
    }
}
