/** The microphone's way through the browser's audio graph: each sample once, whatever the device does. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { open } from "./kit.mjs";
import { stage } from "./stage.mjs";

const RATE = 24000;
const TONE_HZ = 1000;

const on = stage();

/** In the page: microphones that are tones, and what a Capture tells of them. */
function instruments(contextRate) {
    const Native = window.AudioContext;
    const streams = [];
    const contexts = [];
    let refusal = null;
    window.AudioContext = class extends Native {
        constructor(options) {
            super(contextRate ? { ...options, sampleRate: contextRate } : options);
            window.lastContext = this;
            contexts.push(this);
        }
    };
    navigator.mediaDevices.getUserMedia = async ({ audio }) => {
        if (refusal !== null && (!refusal.device || audio.deviceId?.exact === refusal.device))
            throw new DOMException(refusal.message ?? "", refusal.name);
        const context = new Native();
        const tone = new OscillatorNode(context, { frequency: 1000 });
        const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
        tone.connect(new GainNode(context, { gain: 0.5 })).connect(out);
        tone.start();
        streams.push(out.stream);
        return out.stream;
    };
    window.bench = {
        streams,
        /** States of all contexts of the page, once none changes any more. */
        async contexts() {
            await new Promise((resolve) => setTimeout(resolve, 200));
            return contexts.map(({ state }) => state);
        },
        refuse: (error) => (refusal = error),
        async capture() {
            const { Capture } = await import("/web/audio/capture.js");
            const capture = new Capture();
            const heard = { capture, frames: [], levels: [], states: [] };
            capture.addEventListener("frame", ({ detail }) => heard.frames.push(detail));
            capture.addEventListener("level", ({ detail }) => heard.levels.push(detail));
            capture.addEventListener("state", ({ detail: { state, reason } }) => {
                heard.states.push(`${state} ${reason}`.trim());
            });
            return Object.assign(window, { heard }).heard;
        },
        /** Waits for the state; then for so many frames more. */
        async until(state, frames = 0) {
            const due = async (is) => {
                const end = performance.now() + 20000;
                while (!is()) {
                    if (performance.now() > end) throw new Error(`no ${state}: ${window.heard.states}`);
                    await new Promise((resolve) => setTimeout(resolve, 20));
                }
            };
            await due(() => window.heard.states.at(-1) === state);
            const from = window.heard.frames.length;
            await due(() => window.heard.frames.length >= from + frames);
            return window.heard.frames.slice(from);
        },
    };
}

const begin = async (t, contextRate) => {
    const opened = await open(t, on.browser, on.server.url, { scripts: [`(${instruments})(${contextRate ?? 0})`] });
    await opened.page.evaluate(() => window.bench.capture());
    return opened;
};

/** The tone that fits best, and what it leaves over, in full scale. */
function fit(samples) {
    const wave = (f) => samples.map((_, i) => f((2 * Math.PI * TONE_HZ * i) / RATE));
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const [s, c] = [wave(Math.sin), wave(Math.cos)];
    const [a, b] = [(2 * dot(s, samples)) / samples.length, (2 * dot(c, samples)) / samples.length];
    const rest = Math.max(...samples.map((x, i) => Math.abs(x - a * s[i] - b * c[i])));
    return { amplitude: Math.hypot(a, b), rest };
}

for (const contextRate of [0, 44100])
    test(`a tone of 1 kHz at ${contextRate || "our own"} Hz: whole, in frames of 50 ms`, async (t) => {
        const { page, quiet } = await begin(t, contextRate);
        const { frames, levels, rate } = await page.evaluate(async () => {
            await window.heard.capture.open();
            const frames = await window.bench.until("open", 40);
            const { levels } = window.heard;
            return { frames: frames.map((frame) => [...frame]), levels, rate: window.lastContext.sampleRate };
        });
        assert.ok(frames.every((frame) => frame.length === 1200));
        // Half a second without a hole is enough: on a busy machine the browser itself skips some.
        const samples = (at) => frames.slice(at, at + 10).flat().map((sample) => sample / 32768);
        const tones = [0, 5, 10, 15, 20, 25, 30].map((at) => fit(samples(at)));
        const { amplitude, rest } = tones.reduce((best, tone) => (tone.rest < best.rest ? tone : best));
        t.diagnostic(`context ${rate} Hz: amplitude ${amplitude.toFixed(4)}, rest ${rest.toFixed(4)}`);
        assert.equal(rate, contextRate || RATE);
        assert.ok(Math.abs(amplitude - 0.5) < 0.02, `${amplitude}`);
        assert.ok(rest < 0.01, `${rest}: a sample is missing or twice`);
        const { rms, peak, speaking } = levels.at(-1);
        assert.ok(Math.abs(rms - 0.35) < 0.03 && Math.abs(peak - 0.5) < 0.03 && typeof speaking === "boolean");
        quiet();
    });

test("mute is silence, frames go on; close gives the device back", async (t) => {
    const { page, quiet } = await begin(t);
    const result = await page.evaluate(async () => {
        const { capture } = window.heard;
        await capture.open();
        await window.bench.until("open", 3);
        capture.mute = true;
        await window.bench.until("open", 5);
        const muted = await window.bench.until("open", 5);
        capture.mute = false;
        await window.bench.until("open", 5);
        const [loud] = await window.bench.until("open", 1);
        await capture.close();
        const count = window.heard.frames.length;
        await new Promise((resolve) => setTimeout(resolve, 300));
        const track = window.bench.streams[0].getTracks()[0];
        return {
            muted: muted.flatMap((frame) => [...frame]).every((sample) => sample === 0),
            loud: Math.max(...loud), more: window.heard.frames.length - count, track: track.readyState,
            context: window.lastContext.state, states: window.heard.states,
        };
    });
    assert.deepEqual(result, { ...result, muted: true, more: 0, track: "ended", context: "closed" });
    assert.ok(result.loud > 10000);
    assert.deepEqual(result.states, ["opening", "open", "closed"]);
    quiet();
});

test("a device that goes away is followed by the default one", async (t) => {
    const { page, quiet } = await begin(t);
    const states = await page.evaluate(async () => {
        const { capture, states } = window.heard;
        await capture.open({ deviceId: "headset" });
        await window.bench.until("open", 3);
        window.bench.refuse({ device: "headset", name: "NotFoundError" });
        window.bench.streams[0].getTracks()[0].dispatchEvent(new Event("ended"));
        await window.bench.until("open fallback", 5);
        return states;
    });
    assert.deepEqual(states, ["opening", "open", "lost", "open fallback"]);
    quiet();
});

test("without a device it waits for one", async (t) => {
    const { page, quiet } = await begin(t);
    const states = await page.evaluate(async () => {
        const { capture, states } = window.heard;
        window.bench.refuse({ name: "NotFoundError" });
        await capture.open();
        window.bench.refuse(null);
        navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        await window.bench.until("open", 3);
        return states;
    });
    assert.deepEqual(states, ["opening", "no-device none", "opening", "open"]);
    quiet();
});

test("what a refusal means", async (t) => {
    const { page, quiet } = await begin(t);
    const told = await page.evaluate(async () => {
        const told = {};
        const refusals = [["NotAllowedError", "Permission denied"], ["NotAllowedError", "Permission dismissed"],
            ["NotReadableError", ""], ["TypeError", "odd"]];
        for (const [name, message] of refusals) {
            window.bench.refuse({ name, message });
            await window.heard.capture.open();
            told[name + message] = window.heard.states.at(-1);
        }
        return told;
    });
    assert.deepEqual(told, {
        "NotAllowedErrorPermission denied": "denied permission",
        "NotAllowedErrorPermission dismissed": "denied dismissed",
        "NotReadableError": "no-device busy",
        "TypeErrorodd": "failed TypeError: odd",
    });
    quiet();
});

test("a context that is suspended, as by sleep, goes on by itself", async (t) => {
    const { page, quiet } = await begin(t);
    const states = await page.evaluate(async () => {
        await window.heard.capture.open();
        await window.bench.until("open", 3);
        await window.lastContext.suspend();
        await window.bench.until("open", 5);
        return window.heard.states;
    });
    assert.equal(states[2].split(" ")[0], "suspended");
    assert.deepEqual([...states.slice(0, 2), states.at(-1)], ["opening", "open", "open"]);
    quiet();
});

test("a context that wants a click says so, and open() settles", async (t) => {
    const { page, quiet } = await begin(t);
    const states = await page.evaluate(async () => {
        let clicked = false;
        const { prototype } = AudioContext;
        const state = Object.getOwnPropertyDescriptor(BaseAudioContext.prototype, "state");
        Object.defineProperty(prototype, "state", { get() { return clicked ? state.get.call(this) : "suspended"; } });
        prototype.resume = async () => clicked || new Promise(() => {});
        const late = new Promise((_, reject) => setTimeout(() => reject(new Error("open() hangs")), 20000));
        await Promise.race([window.heard.capture.open(), late]);
        clicked = true;
        await window.heard.capture.resume();
        await window.bench.until("open", 3);
        return window.heard.states;
    });
    assert.deepEqual(states.map((state) => state.split(" ")[0]), ["opening", "open", "suspended", "open"]);
    quiet();
});

test("closing while the question is open leaves no device behind", async (t) => {
    const { page, quiet } = await begin(t);
    const result = await page.evaluate(async () => {
        const { capture, states } = window.heard;
        const opening = capture.open();
        await capture.close();
        await opening;
        await new Promise((resolve) => setTimeout(resolve, 200));
        return { states, tracks: window.bench.streams.map((stream) => stream.getTracks()[0].readyState) };
    });
    assert.deepEqual(result, { states: ["opening", "closed"], tracks: ["ended"] });
    quiet();
});

test("a refusal leaves nothing running", async (t) => {
    const { page, quiet } = await begin(t);
    const contexts = await page.evaluate(async () => {
        window.bench.refuse({ name: "NotAllowedError" });
        await window.heard.capture.open();
        return window.bench.contexts();
    });
    assert.deepEqual(contexts, ["closed"]);
    quiet();
});

/* As Firefox has it: a context of our rate does not take a device of another. */
function refuseOurRate() {
    const { prototype } = AudioContext;
    const { createMediaStreamSource } = prototype;
    let refused = false;
    prototype.createMediaStreamSource = function (stream) {
        if (!refused) {
            refused = true;
            throw new DOMException("different sample-rate", "NotSupportedError");
        }
        return createMediaStreamSource.call(this, stream);
    };
}

test("a context that does not take the device gives way to one of the device's rate", async (t) => {
    const { page, quiet } = await begin(t);
    await page.evaluate(refuseOurRate);
    const contexts = await page.evaluate(async () => {
        await window.heard.capture.open();
        await window.bench.until("open", 3);
        return window.bench.contexts();
    });
    assert.deepEqual(contexts, ["closed", "running"]);
    quiet();
});

test("closing while the context gives way to another leaves none behind", async (t) => {
    const { page, quiet } = await begin(t);
    await page.evaluate(refuseOurRate);
    const contexts = await page.evaluate(async () => {
        const { capture } = window.heard;
        const { close } = AudioContext.prototype;
        let closing;
        AudioContext.prototype.close = async function () {
            if (!closing) closing = capture.close(); // in the midst of it
            if (this.state !== "closed") await close.call(this);
        };
        await capture.open();
        await closing;
        return window.bench.contexts();
    });
    assert.ok(contexts.every((state) => state === "closed"), `${contexts}`);
    quiet();
});

test("a device that goes while the page is hidden is asked for again when it is seen", async (t) => {
    const { page, quiet } = await begin(t);
    const states = await page.evaluate(async () => {
        const { capture, states } = window.heard;
        await capture.open();
        await window.bench.until("open", 3);
        let visibility = "hidden";
        Object.defineProperty(document, "visibilityState", { get: () => visibility });
        window.bench.refuse({ name: "NotAllowedError" });
        const [track] = window.bench.streams[0].getTracks();
        track.dispatchEvent(new Event("ended"));
        await new Promise((resolve) => setTimeout(resolve, 200));
        visibility = "visible";
        window.bench.refuse(null);
        document.dispatchEvent(new Event("visibilitychange"));
        await window.bench.until("open", 3);
        return states;
    });
    assert.deepEqual(states, ["opening", "open", "lost", "open"]);
    quiet();
});
