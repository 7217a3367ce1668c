/**
 * The microphone as frames of 24 kHz mono.
 *
 * Events, with `event.detail`:
 * - "frame": Int16Array of 50 ms (1200 samples at 24 kHz), the listener's own. While muted: zeros.
 * - "level": {rms, peak, speaking} about 20 a second; rms and peak 0…1 of full scale.
 * - "state": {state, reason, label}.
 *     "opening" | "open": reason "" or "fallback" (the chosen device is gone, this is the default)
 *     "denied": reason "permission" | "dismissed" | "insecure" (not https, not localhost)
 *     "no-device": reason "none" | "busy"; it opens by itself when a device is plugged in
 *     "lost": the device went away; the default device is being opened
 *     "suspended": reason "interrupted" (a call, sleep) | "gesture" (call resume() from a click) |
 *       "system" (muted by the system or the headset); it goes on by itself when it can
 *     "failed": reason is the browser's text: it has no AudioWorklet, or a module did not load
 *     "closed"
 *   label: the device's name while open, else "".
 *
 * The way of a frame: audio thread (worklet.js) → worker (activity_worker.js) → here; transferred,
 * never copied.
 */
import { emit } from "../client/emit.js";
import { RATE } from "./framer.js";

const WATCH_MS = 1000;
const STALLED_MS = 3000; // frames come 20 a second: something is wrong
const RESUME_MS = 1000; // without a click some browsers neither resume nor refuse

/* Gain control is on, as browsers have it by default: a laptop across the table and a headset that
 * whispers are common, and what stays below the noise floor is heard by nobody. Its price is that
 * a voice that shouts may be cut off at the top, which recognisers bear better. */
const CONSTRAINTS = {
    channelCount: { ideal: 1 },
    echoCancellation: { ideal: true },
    noiseSuppression: { ideal: true },
    autoGainControl: { ideal: true },
};

/* A context at our rate spares the resampler; not all browsers connect a device to one. */
function makeContext(options) {
    return new AudioContext({ latencyHint: "interactive", ...options });
}

/* Resolves when it runs, or when that takes too long. */
async function run(context) {
    if (context.state !== "running") {
        const late = new Promise((resolve) => setTimeout(resolve, RESUME_MS));
        await Promise.race([context.resume().catch(() => {}), late]);
    }
}

/* What an error of getUserMedia means for a person: [state, reason]. */
function meaning(error) {
    switch (error.name) {
        case "NotAllowedError":
            return ["denied", /dismiss/i.test(error.message) ? "dismissed" : "permission"];
        case "SecurityError":
            return ["denied", "permission"];
        case "NotFoundError":
        case "OverconstrainedError":
            return ["no-device", "none"];
        case "NotReadableError":
        case "AbortError":
            return ["no-device", "busy"];
        default:
            return ["failed", `${error.name}: ${error.message}`];
    }
}

export class Capture extends EventTarget {
    #state = { state: "closed", reason: "", label: "" };
    #deviceId = ""; // "" the default one
    #muted = false;
    #turn = 0; // each open() and close() makes what is under way stale
    #chain = null; // {context, worker, node}: stays while devices come and go
    #stream = null;
    #source = null;
    #listeners = null; // AbortController of what is listened to while not closed
    #watch = 0;
    #frameAtMs = 0;
    #away = false; // lost while the page was hidden: asked for again when it is seen

    /** The last "state" detail. */
    get state() {
        return this.#state;
    }

    /**
     * Asks for the microphone. Call it from a click. Settles when "open", or any state that says
     * why not; never rejects. Open again with another deviceId to change the device.
     * @param {{deviceId?: string}} [options] default device when absent
     */
    async open({ deviceId = "" } = {}) {
        this.#deviceId = deviceId;
        this.#listen();
        await this.#connect("opening", "");
    }

    /** Tries to go on after "suspended"; best from a click. */
    async resume() {
        if (this.#chain !== null) {
            await run(this.#chain.context);
            this.#look();
        }
    }

    /** Gives the microphone back. Another open() may follow. */
    async close() {
        this.#turn++;
        this.#listeners?.abort();
        this.#listeners = null;
        clearInterval(this.#watch);
        this.#release();
        this.#tell("closed");
        await this.#dispose();
    }

    /** True: silence is sent in place of what is heard. */
    get mute() {
        return this.#muted;
    }

    set mute(on) {
        this.#muted = Boolean(on);
        this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !this.#muted));
    }

    /**
     * Microphones to choose from; their labels are empty before permission was given.
     * @returns {Promise<{deviceId: string, label: string}[]>}
     */
    static async devices() {
        const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
        return all
            .filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "")
            .map(({ deviceId, label }) => ({ deviceId, label }));
    }

    // -- opening --

    async #connect(state, reason) {
        const turn = ++this.#turn;
        this.#away = false;
        if (navigator.mediaDevices === undefined) {
            this.#tell("denied", "insecure");
            return;
        }
        this.#tell(state, reason);
        try {
            this.#chain ??= this.#makeChain(); // while the click still counts
            const { stream, fallback } = await this.#ask();
            if (turn !== this.#turn) {
                stream.getTracks().forEach((track) => track.stop());
                return;
            }
            this.#release();
            this.#stream = stream;
            await this.#attach(turn, fallback ? "fallback" : "");
        } catch (error) {
            if (turn === this.#turn) {
                this.#release();
                this.#onRefused(state, ...meaning(error));
            }
        }
    }

    #onRefused(asked, state, reason) {
        if (state === "denied" && asked === "lost" && document.visibilityState === "hidden") {
            this.#away = true; // Safari gives no microphone to a hidden page, allowed or not
            return;
        }
        this.#tell(state, reason);
        if (state !== "no-device") {
            this.#dispose(); // nobody waits for a device: nothing is left running
        }
    }

    /* The device that was chosen, or the default one when that is gone. */
    async #ask() {
        const { mediaDevices } = navigator;
        if (this.#deviceId !== "") {
            const deviceId = { exact: this.#deviceId };
            try {
                const audio = { ...CONSTRAINTS, deviceId };
                return { stream: await mediaDevices.getUserMedia({ audio }), fallback: false };
            } catch (error) {
                if (meaning(error)[0] !== "no-device") {
                    throw error;
                }
            }
        }
        const stream = await mediaDevices.getUserMedia({ audio: CONSTRAINTS });
        return { stream, fallback: this.#deviceId !== "" };
    }

    #makeChain() {
        const worker = new Worker(new URL("./activity_worker.js", import.meta.url), {
            type: "module",
        });
        worker.onmessage = ({ data }) => this.#onFrame(data);
        worker.onerror = (event) => this.#fail(event.message || "the audio worker did not load");
        return { context: makeContext({ sampleRate: RATE }), worker, node: null };
    }

    async #attach(turn, reason) {
        const track = this.#stream.getAudioTracks()[0];
        const source = await this.#makeSource(turn);
        if (turn !== this.#turn) {
            source?.disconnect();
            return;
        }
        this.#source = source;
        track.enabled = !this.#muted;
        track.onended = () => this.#connect("lost", "");
        track.onmute = track.onunmute = () => this.#look();
        this.#frameAtMs = performance.now();
        await run(this.#chain.context);
        if (turn === this.#turn) {
            this.#tell("open", reason);
            this.#look();
        }
    }

    async #makeSource(turn) {
        const chain = this.#chain;
        let source;
        try {
            source = chain.context.createMediaStreamSource(this.#stream);
        } catch {
            // Firefox until 2025 asks for the device's own rate.
            await chain.context.close();
            if (turn !== this.#turn) {
                return null; // nobody would close another one
            }
            chain.context = makeContext();
            chain.node = null;
            source = chain.context.createMediaStreamSource(this.#stream);
        }
        if (chain.node === null) {
            await chain.context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
            if (turn !== this.#turn) {
                return null;
            }
            chain.node = this.#makeNode(chain);
        }
        source.connect(chain.node);
        return source;
    }

    #makeNode({ context, worker }) {
        const node = new AudioWorkletNode(context, "sotto-microphone", {
            numberOfInputs: 1,
            numberOfOutputs: 1, // silence: browsers run what leads somewhere
            channelCount: 1,
            channelCountMode: "explicit",
        });
        const { port1, port2 } = new MessageChannel();
        node.port.postMessage({ port: port1 }, [port1]);
        worker.postMessage({ port: port2 }, [port2]);
        node.onprocessorerror = () => this.#fail("the audio thread failed");
        node.connect(context.destination);
        context.onstatechange = () => this.#look();
        return node;
    }

    /* The device is given back; the chain stays. */
    #release() {
        this.#source?.disconnect();
        this.#source = null;
        for (const track of this.#stream?.getTracks() ?? []) {
            track.onended = track.onmute = track.onunmute = null;
            track.stop();
        }
        this.#stream = null;
    }

    async #dispose() {
        const chain = this.#chain;
        this.#chain = null;
        if (chain !== null) {
            chain.node?.port.postMessage({});
            chain.worker.terminate();
            await chain.context.close().catch(() => {});
        }
    }

    #fail(reason) {
        this.#turn++;
        this.#release();
        this.#dispose();
        this.#tell("failed", reason);
    }

    // -- while it is open --

    #onFrame({ level, frame }) {
        if (this.#stream === null) {
            return; // the last ones of a device that was given back
        }
        this.#frameAtMs = performance.now();
        emit(this, "frame", frame);
        emit(this, "level", level);
        if (this.#state.state === "suspended") {
            this.#look();
        }
    }

    #listen() {
        if (this.#listeners !== null) {
            return;
        }
        this.#listeners = new AbortController();
        const { signal } = this.#listeners;
        const onDevices = () => this.#onDevices();
        const onVisible = () => document.visibilityState === "visible" && this.#onVisible();
        navigator.mediaDevices?.addEventListener("devicechange", onDevices, { signal });
        document.addEventListener("visibilitychange", onVisible, { signal });
        window.addEventListener("pageshow", onVisible, { signal });
        this.#watch = setInterval(() => this.#onWatch(), WATCH_MS);
    }

    /* A device came or went: one that we wait for may be there. */
    #onDevices() {
        if (this.#state.state === "no-device") {
            this.#connect("opening", "");
        }
    }

    #onVisible() {
        if (this.#away) {
            this.#connect("lost", "");
        } else {
            this.#wake();
        }
    }

    #wake() {
        if (this.#stream !== null && this.#chain.context.state !== "running") {
            this.resume();
        }
    }

    /* After sleep some browsers neither end the track nor suspend the context: it is just still. */
    #onWatch() {
        const still = performance.now() - this.#frameAtMs > STALLED_MS;
        if (this.#state.state === "open" && still && document.visibilityState === "visible") {
            this.#connect("lost", "");
        } else {
            this.#wake();
        }
    }

    /* Whether what is open is heard. */
    #look() {
        const { state } = this.#state;
        if (this.#stream === null || (state !== "open" && state !== "suspended")) {
            return;
        }
        const track = this.#stream.getAudioTracks()[0];
        const { context } = this.#chain;
        if (context.state !== "running") {
            const active = navigator.userActivation?.hasBeenActive !== false;
            this.#tell("suspended", active ? "interrupted" : "gesture");
        } else if (track.muted) {
            this.#tell("suspended", "system");
        } else if (state === "suspended") {
            this.#tell("open", "");
        }
    }

    #tell(state, reason = "") {
        const { state: was, reason: why } = this.#state;
        if (state === was && reason === why && state !== "open") {
            return;
        }
        const label = state === "open" ? (this.#stream?.getAudioTracks()[0]?.label ?? "") : "";
        this.#state = { state, reason, label };
        emit(this, "state", this.#state);
    }
}
