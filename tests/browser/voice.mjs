/**
 * Audio that says the bench's script, which the simulated speech API understands (bench/audio.h, bench/script.c): as
 * tests/integration/bench_audio.py makes it, as far as the pages' tests need it.
 */
export const RATE = 16000;

const BLOCK_MS = 10;
const SEED = 1n;
const MASK = (1n << 64n) - 1n;

function mix(x) {
    x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return x ^ (x >> 31n);
}

function draw(session, utterance, salt) {
    const whose = mix(mix((SEED + 0x9e3779b97f4a7c15n) & MASK) ^ ((session << 32n) | utterance));
    return mix((whose + salt) & MASK);
}

const LENGTH = BigInt(`0x${Buffer.from("length").toString("hex")}`);
const wordsOf = (session, utterance) => 16 + Number(draw(session, utterance, LENGTH) % 3n);

/** One period of what follows the nibbles: a half, mirrored, and both upside down. */
function filler(...half) {
    const wave = [...half, ...[...half].reverse()];
    return [...wave, ...wave.map((x) => -x)];
}

const SPEECH = { mark: 9472, base: 4096, step: 256, period: filler(3200, 5200, 6800, 7800) };
const SILENCE = { mark: 60, base: 0, step: 2, period: filler(2, 5, 8, 9) };

/** Ten milliseconds: who speaks, which block this is, and what is being said in it. */
function block({ session, number, utterance = 0n, place = 0n, middle = false }) {
    const { mark, base, step, period } = utterance > 0n ? SPEECH : SILENCE;
    const low = number | (session << 32n) | (place << 56n) | (BigInt(middle) << 63n);
    const high = utterance | (SEED << 24n);
    const check = ((low ^ ((high * 0x9e3779b97f4a7c15n) & MASK)) * 0xbf58476d1ce4e5b9n) & MASK;
    const samples = [mark, -mark];
    const put = (bits, count) => {
        for (let i = 0; i < count; i++) {
            const value = base + Number((bits >> BigInt(4 * i)) & 15n) * step;
            samples.push(i % 2 === 0 ? value : -value);
        }
    };
    put(low, 16);
    put(high | ((check >> 48n) << 40n), 14);
    while (samples.length < (RATE * BLOCK_MS) / 1000) samples.push(period[samples.length % 16]);
    return samples;
}

/** The audio of one session, one utterance after the other. */
export class Voice {
    #session;
    #wordMs;
    #number = 0n;
    #utterance = 0n;

    constructor(session, { wordMs = 10 } = {}) {
        this.#session = BigInt(session);
        this.#wordMs = wordMs;
    }

    /** `count` utterances, each with a pause of `pauseMs` after it. @returns {Buffer} s16le */
    say(count, pauseMs = 300) {
        const samples = [];
        for (let i = 0; i < count; i++) {
            this.#utterance++;
            const words = wordsOf(this.#session, this.#utterance);
            for (let place = 0; place < words; place++) this.#word(samples, BigInt(place));
            for (let ms = 0; ms < pauseMs; ms += BLOCK_MS) this.#take(samples, {});
        }
        return Buffer.from(Int16Array.from(samples).buffer);
    }

    #word(samples, place) {
        const blocks = this.#wordMs / BLOCK_MS;
        for (let i = 0; i < blocks; i++)
            this.#take(samples, { utterance: this.#utterance, place, middle: i === Math.floor(blocks / 2) });
    }

    #take(samples, what) {
        for (const sample of block({ session: this.#session, number: this.#number++, ...what })) samples.push(sample);
    }
}
