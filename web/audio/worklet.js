/**
 * The audio thread's side of the microphone: what is heard leaves as frames, transferred, through
 * the port that comes with the first message.
 */
import { Framer } from "./framer.js";

class Microphone extends AudioWorkletProcessor {
    #out = null;
    #framer = new Framer(sampleRate, (frame) => this.#out?.postMessage(frame, [frame.buffer]));
    #over = false;

    constructor() {
        super();
        this.port.onmessage = ({ data }) => {
            this.#out = data.port ?? null;
            this.#over = this.#out === null;
        };
    }

    process([input]) {
        if (input.length > 0 && this.#out !== null) {
            this.#framer.push(input[0]);
        }
        return !this.#over;
    }
}

registerProcessor("sotto-microphone", Microphone);
