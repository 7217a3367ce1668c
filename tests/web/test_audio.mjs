import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Activity } from "../../web/audio/activity.js";
import { Framer, FRAME_SAMPLES, RATE } from "../../web/audio/framer.js";
import { Resampler } from "../../web/audio/resample.js";
import { random } from "./clock.mjs";

const dB = (ratio) => 20 * Math.log10(Math.max(ratio, 1e-9));
const sine = (hz, rate, seconds) =>
    Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));

function resample(input, from, to) {
    const out = [];
    const resampler = new Resampler(from, to);
    for (let i = 0; i < input.length; i += 128) {
        resampler.push(input.subarray(i, i + 128), (sample) => out.push(sample));
    }
    return Float32Array.from(out);
}

/** The tone of a frequency that fits best: its amplitude, and the rms of what it leaves over. */
function fit(signal, hz, rate) {
    const basis = [Math.sin, Math.cos].map((wave) => signal.map((_, i) => wave((2 * Math.PI * hz * i) / rate)));
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const [ss, cc, sc] = [dot(basis[0], basis[0]), dot(basis[1], basis[1]), dot(basis[0], basis[1])];
    const [ys, yc] = [dot(basis[0], signal), dot(basis[1], signal)];
    const [a, b] = [(ys * cc - yc * sc) / (ss * cc - sc * sc), (yc * ss - ys * sc) / (ss * cc - sc * sc)];
    const rest = signal.map((x, i) => x - a * basis[0][i] - b * basis[1][i]);
    return { amplitude: Math.hypot(a, b), rest: rms(rest) };
}

const rms = (signal) => Math.sqrt(signal.reduce((sum, sample) => sum + sample * sample, 0) / signal.length);
const middle = (signal) => signal.subarray(signal.length / 4, (signal.length * 3) / 4);

const RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000];

for (const from of RATES) {
    test(`resampler: ${from} Hz: flat to 7 kHz, 60 dB against what folds`, (t) => {
        const flatTo = Math.min(7000, from * 0.5 * 0.88);
        let ripple = 0;
        let noise = -200;
        for (let hz = 100; hz <= flatTo; hz += (flatTo - 100) / 9) {
            const out = resample(sine(hz, from, 0.1), from, RATE);
            const { amplitude, rest } = fit(Float64Array.from(middle(out)), hz, RATE);
            ripple = Math.max(ripple, Math.abs(dB(amplitude / 0.5)));
            noise = Math.max(noise, dB(rest / (0.5 * Math.SQRT1_2))); // images, and what else is not the tone
        }
        let alias = -200;
        for (let hz = RATE / 2 + 1; hz < from / 2; hz += (from - RATE) / 12) {
            const folded = middle(resample(sine(hz, from, 0.05), from, RATE));
            alias = Math.max(alias, dB(rms(folded) / (0.5 * Math.SQRT1_2)));
        }
        t.diagnostic(`ripple ${ripple.toFixed(4)} dB to ${flatTo} Hz, distortion ${noise.toFixed(0)} dB, ` +
            `aliases ${alias > -200 ? alias.toFixed(1) + " dB" : "none possible"}, ` +
            `delay ${new Resampler(from, RATE).delayMs.toFixed(1)} ms`);
        assert.ok(ripple < 0.5, `${ripple} dB`);
        assert.ok(noise < -50, `${noise} dB`);
        assert.ok(alias < -60, `${alias} dB`);
    });
}

test("resampler: as many samples come out as the rates say, in any portions", () => {
    for (const from of [...RATES, 44056]) {
        const uniform = random(from);
        const resampler = new Resampler(from, RATE);
        const input = sine(440, from, 0.5);
        const out = [];
        for (let at = 0; at < input.length; ) {
            const count = Math.floor(uniform() * 300);
            resampler.push(input.subarray(at, at + count), (sample) => out.push(sample));
            at += count;
        }
        assert.ok(Math.abs(out.length - 0.5 * RATE) <= 1 + (resampler.delayMs * RATE) / 1000, `${from}: ${out.length}`);
        assert.deepEqual(Float32Array.from(out), resample(input, from, RATE), `${from}`);
    }
});

test("resampler: the output is not shifted against the input", () => {
    const input = new Float32Array(48000);
    input[24000] = 1;
    const out = resample(input, 48000, RATE);
    const peak = out.indexOf(Math.max(...out));
    assert.equal(peak, 12000);
});

test("resampler: fast enough for the audio thread", (t) => {
    const input = sine(440, 48000, 4);
    const begin = performance.now();
    resample(input, 48000, RATE);
    const ms = performance.now() - begin;
    t.diagnostic(`4 s of 48 kHz in ${ms.toFixed(0)} ms`);
    assert.ok(ms < 1000, `${ms} ms`); // a quarter of one core, on a busy machine
});

test("framer: frames of 50 ms, clipped, with nothing between them lost", () => {
    const frames = [];
    const framer = new Framer(RATE, (frame) => frames.push(frame));
    const input = Float32Array.from({ length: 3000 }, (_, i) => ((i % 101) - 50) / 40);
    for (let i = 0; i < input.length; i += 128) {
        framer.push(input.subarray(i, i + 128));
    }
    assert.deepEqual(frames.map((frame) => frame.length), [FRAME_SAMPLES, FRAME_SAMPLES]);
    const samples = frames.flatMap((frame) => [...frame]);
    samples.forEach((sample, i) => {
        const exact = Math.round(input[i] * 32768);
        assert.equal(sample, Math.max(-32768, Math.min(32767, exact)));
    });
    assert.notEqual(frames[0].buffer, frames[1].buffer, "they are given away");
});

/* A mono 16 bit WAV: {rate, pcm}. */
function readWav(file) {
    const bytes = readFileSync(new URL(file, import.meta.url));
    const data = bytes.indexOf("data");
    assert.equal(bytes.readUInt16LE(22), 1);
    assert.equal(bytes.readUInt16LE(34), 16);
    const length = bytes.readUInt32LE(data + 4);
    const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset + data + 8, bytes.byteOffset + data + 8 + length));
    return { rate: bytes.readUInt32LE(24), pcm };
}

function frames(signal, from) {
    const out = [];
    const framer = new Framer(from, (frame) => out.push(frame));
    framer.push(Float32Array.from(signal, (sample) => sample / 32768));
    return out;
}

/* Frames where the speaker's own energy says speech: the truth, from the clean recording. */
const loud = (frame) => dB(rms(frame) / 32768) > -35;

/* How much of the speech is found, and of the pauses longer than a second taken for speech. */
function judge(clean, heard) {
    const activity = new Activity(RATE);
    const speaking = heard.map((frame) => activity.push(frame).speaking);
    const truth = clean.map(loud);
    const inPause = truth.map((_, i) => i >= 20 && !truth.slice(i - 20, i + 3).some(Boolean));
    const count = (mask) => Math.max(1, mask.filter(Boolean).length);
    const share = (mask) => mask.reduce((n, on, i) => n + (on && speaking[i]), 0) / count(mask);
    return { found: share(truth), wrong: share(inPause) };
}

test("activity: real speech is found in quiet and in noise, pauses are pauses", (t) => {
    const { rate, pcm } = readWav("../../say/samples/lesson.wav");
    const spoken = new Int16Array(rate * 16); // 3 s, 6 s said, 3 s, 2 s said, 2 s
    spoken.set(pcm.subarray(0, rate * 6), rate * 3);
    spoken.set(pcm.subarray(0, rate * 2), rate * 12);
    const clean = frames(spoken, rate);
    for (const [name, noiseDb] of [["silence", null], ["quiet room", -60], ["office", -48]]) {
        const uniform = random(7);
        const gain = noiseDb === null ? 0 : 32768 * 10 ** (noiseDb / 20) * Math.sqrt(3);
        const heard = frames(Float32Array.from(spoken, (sample) => sample + gain * (2 * uniform() - 1)), rate);
        const { found, wrong } = judge(clean, heard);
        t.diagnostic(`${name}: ${(100 * found).toFixed(1)} % of speech, ${(100 * wrong).toFixed(1)} % of pauses`);
        assert.ok(found > 0.9, `${name}: ${found}`);
        assert.ok(wrong < 0.1, `${name}: ${wrong}`);
    }
});

test("activity: steady noise stops being speech, a click never is", () => {
    const activity = new Activity(RATE);
    const uniform = random(3);
    const noise = () => Int16Array.from({ length: FRAME_SAMPLES }, () => 3000 * (uniform() - 0.5));
    const silence = new Int16Array(FRAME_SAMPLES);
    const loudFrame = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => (i % 2 ? 20000 : -20000));
    for (let i = 0; i < 20; i++) {
        assert.equal(activity.push(silence).speaking, false);
    }
    assert.equal(activity.push(loudFrame).speaking, false);
    assert.equal(activity.push(silence).speaking, false);
    let last = false;
    for (let i = 0; i < 20 * 15; i++) {
        last = activity.push(noise()).speaking;
    }
    assert.equal(last, false, "a fan is no speaker");
    assert.ok(activity.floorDb > -40 && activity.floorDb < -25, `${activity.floorDb}`);
});

test("activity: the level is the frame's", () => {
    const activity = new Activity(RATE);
    const tone = Int16Array.from({ length: RATE }, (_, i) => 16384 * Math.sin((2 * Math.PI * 1000 * i) / RATE));
    const { rms: level, peak } = activity.push(tone);
    assert.ok(Math.abs(level - 0.3535) < 0.01 && Math.abs(peak - 0.5) < 0.001);
    assert.deepEqual(activity.push(new Int16Array(0)), { rms: 0, peak: 0, speaking: true });
});
