/**
 * The way of the audio to the server: what is kept, from where it is sent, how fast. Pure; time is
 * passed in.
 *
 * Our own positions count what was spoken. The server's are ours plus a shift: audio that is given
 * up is never sent, and its positions go on behind the gap.
 */
import { Keep } from "./keep.js";
import { Pace } from "./pace.js";

const FRAME_MS = 100; // a message of a backlog
const FILL_MS = 1000; // of silence at most, in place of audio that is not kept any more
const HOLD_MS = 120000; // a server that has not told its resume_ms yet
const SPEED = 2; // … its audio_speed_max

const positive = (value, otherwise) => (value > 0 && Number.isFinite(value) ? value : otherwise);

export class Uplink {
    #rate;
    #keep;
    #pace = null;
    #sent = 0;
    #shift = 0;
    #hint = null; // {speaking, at}
    #dropped = 0;

    /** @param {number} rate samples a second */
    constructor(rate) {
        this.#rate = rate;
        this.#keep = new Keep(this.#samples(HOLD_MS));
    }

    /** Nothing was spoken yet. */
    get isEmpty() {
        return this.#keep.to === 0;
    }

    /** Everything spoken was sent. */
    get isDone() {
        return this.#sent >= this.#keep.to;
    }

    /** Audio that waits to be sent. */
    get waitingMs() {
        const from = Math.max(this.#sent, this.#keep.from);
        return Math.round(((this.#keep.to - from) * 1000) / this.#rate);
    }

    /** Audio that waits to be sent, a copy. */
    get waiting() {
        const from = Math.max(this.#sent, this.#keep.from);
        return this.#keep.get(from, this.#keep.to - from);
    }

    /** Audio given up since the last call. */
    takeDroppedMs() {
        const ms = Math.round((this.#dropped * 1000) / this.#rate);
        this.#dropped = 0;
        return ms;
    }

    /** @param {Int16Array} pcm kept, not copied */
    put(pcm) {
        this.#dropped += this.#keep.put(pcm);
    }

    /**
     * A socket begins.
     * @param {number} position the server's: send from here
     * @param {{resume_ms?: number, audio_speed_max?: number}} limits
     */
    begin(position, limits, nowMs) {
        this.#dropped += this.#keep.bound(this.#samples(positive(limits.resume_ms, HOLD_MS)));
        this.#pace = new Pace(this.#rate, positive(limits.audio_speed_max, SPEED), nowMs);
        this.#sent = Math.min(position - this.#shift, this.#keep.to); // no more than was spoken
        this.#shift = position - this.#sent;
    }

    /** The server owes nothing for the audio before its position. */
    ack(position) {
        this.#keep.forget(position - this.#shift);
    }

    /**
     * What to send now.
     * @returns {{pcm: Int16Array|null, waitMs: number}} pcm null: nothing, ask again after waitMs
     *     when that is not 0
     */
    next(nowMs) {
        this.#skipLost();
        const count = Math.min(this.#samples(FRAME_MS), this.#keep.to - this.#sent);
        if (count <= 0) {
            return { pcm: null, waitMs: 0 };
        }
        if (this.#pace.room(nowMs) < count) {
            return { pcm: null, waitMs: FRAME_MS / 2 };
        }
        const pcm = this.#keep.get(this.#sent, count);
        this.#pace.take(count);
        this.#sent += count;
        return { pcm, waitMs: 0 };
    }

    /** Whether somebody speaks, from what was put last on. A newer hint stands for an older. */
    hint(speaking) {
        this.#hint = { speaking, at: this.#keep.to };
    }

    /** The hint as a message, once the audio before it was sent; else null. */
    takeHint() {
        if (this.#hint === null || this.#sent < this.#hint.at) {
            return null;
        }
        const { speaking, at } = this.#hint;
        this.#hint = null;
        return { type: "audio.activity", speaking, audio_samples: at + this.#shift };
    }

    #samples(ms) {
        return Math.round((ms * this.#rate) / 1000);
    }

    /* A little silence keeps the words beside a gap apart; the rest of it is left out. After hours
     * of silence and a restart of the server nobody waits for hours of zeros. */
    #skipLost() {
        const skip = this.#keep.from - this.#sent - this.#samples(FILL_MS);
        if (skip > 0) {
            this.#sent += skip;
            this.#shift -= skip;
        }
    }
}
