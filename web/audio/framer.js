/**
 * Samples of any rate as frames of 24 kHz 16 bit, 50 ms each. Pure.
 */
import { Resampler } from "./resample.js";

export const RATE = 24000;
export const FRAME_SAMPLES = RATE / 20;

export class Framer {
    #resampler;
    #onFrame;
    #frame = new Int16Array(FRAME_SAMPLES);
    #length = 0;

    /**
     * @param {number} rate of the input
     * @param {(frame: Int16Array) => void} onFrame takes the frame over
     */
    constructor(rate, onFrame) {
        this.#resampler = rate === RATE ? null : new Resampler(rate, RATE);
        this.#onFrame = onFrame;
    }

    /** @param {Float32Array} input -1…1; what is beyond is clipped */
    push(input) {
        if (this.#resampler === null) {
            input.forEach(this.#put);
        } else {
            this.#resampler.push(input, this.#put);
        }
    }

    #put = (sample) => {
        this.#frame[this.#length++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
        if (this.#length === FRAME_SAMPLES) {
            const frame = this.#frame;
            this.#frame = new Int16Array(FRAME_SAMPLES);
            this.#length = 0;
            this.#onFrame(frame);
        }
    };
}
