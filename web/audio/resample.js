/**
 * Rate conversion of a stream of samples: polyphase, a Kaiser-windowed sinc below the lower of the
 * two Nyquist frequencies. Pure; used in the audio thread, so it allocates nothing while it runs.
 */
const PASS = 0.88; // of the lower Nyquist frequency: up to here it is flat …
const SUPPRESSION_DB = 80; // … and from Nyquist on this much down
const PHASES_MAX = 1024; // odd rates take the nearest phase

/* Modified Bessel function of the first kind, order 0. */
function bessel0(x) {
    let sum = 1;
    let term = 1;
    for (let k = 1; term > sum * 1e-12; k++) {
        term *= (x / (2 * k)) ** 2;
        sum += term;
    }
    return sum;
}

const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

/* One row of taps for each phase, each summing up to 1. */
function makeTable(phases, taps, cutoff) {
    const beta = 0.1102 * (SUPPRESSION_DB - 8.7);
    const half = taps / 2;
    const table = new Float32Array(phases * taps);
    for (let phase = 0; phase < phases; phase++) {
        const row = table.subarray(phase * taps, (phase + 1) * taps);
        let sum = 0;
        for (let i = 0; i < taps; i++) {
            const x = i - (half - 1) - phase / phases;
            const angle = Math.PI * cutoff * x;
            const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
            const window = bessel0(beta * Math.sqrt(Math.max(0, 1 - (x / half) ** 2)));
            row[i] = sinc * window;
            sum += row[i];
        }
        row.forEach((tap, i) => (row[i] = tap / sum));
    }
    return table;
}

export class Resampler {
    #from;
    #to;
    #phases;
    #taps;
    #table;
    #history; // the newest samples twice, so that a row of taps always lies behind each other
    #at = 0; // in the history: the next to write
    #lead = 0; // samples to come before the next output
    #fraction = 0; // of a sample, in 1/to

    /**
     * @param {number} from samples a second that come in
     * @param {number} to … that go out
     */
    constructor(from, to) {
        const nyquist = Math.min(from, to) / 2;
        const transition = (2 * Math.PI * nyquist * (1 - PASS)) / from;
        const taps = Math.ceil((SUPPRESSION_DB - 8) / (2.285 * transition));
        this.#from = from;
        this.#to = to;
        this.#taps = taps + (taps % 2);
        this.#phases = Math.min(to / gcd(from, to), PHASES_MAX);
        const cutoff = (nyquist * (1 + PASS)) / from;
        this.#table = makeTable(this.#phases, this.#taps, cutoff);
        this.#history = new Float32Array(2 * this.#taps);
        this.#lead = this.#taps / 2; // the first output stands at the first input
    }

    /** How far the output is behind the input. */
    get delayMs() {
        return (this.#taps * 500) / this.#from;
    }

    /**
     * @param {Float32Array} input
     * @param {(sample: number) => void} put takes each sample of the output
     */
    push(input, put) {
        const taps = this.#taps;
        for (let i = 0; i < input.length; i++) {
            this.#history[this.#at] = this.#history[this.#at + taps] = input[i];
            this.#at = this.#at + 1 === taps ? 0 : this.#at + 1;
            this.#lead--;
            while (this.#lead < 0) {
                put(this.#output());
            }
        }
    }

    #output() {
        const phase = Math.floor((this.#fraction * this.#phases) / this.#to);
        const row = phase * this.#taps;
        let sum = 0;
        for (let i = 0; i < this.#taps; i++) {
            sum += this.#table[row + i] * this.#history[this.#at + i];
        }
        this.#fraction += this.#from;
        const whole = Math.floor(this.#fraction / this.#to);
        this.#fraction -= whole * this.#to;
        this.#lead += whole;
        return sum;
    }
}
