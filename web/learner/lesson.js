/**
 * Microphone, connection and what was said, put together: what the button starts and stops. A
 * press begins a session; each session of the page is a take with a transcript of its own. The
 * session that a reload has interrupted waits for a press, and goes on.
 */
import { Transcript } from "../client/transcript.js";
import { KeptSession } from "./kept_session.js";
import { Latency } from "./status.js";

/** What may be changed while speaking, as sotto.v1 names it. */
const LIVE_SETTINGS = ["targets", "grammar", "stability", "explain_in"];
/** Failures after which speaking goes on in a new session by itself. */
const GO_ON_AFTER = new Set(["resume_refused", "shutdown"]);

/**
 * @typedef {object} Take
 * @property {number} number 0, 1, 2 …
 * @property {string} session id, "" before it is known
 * @property {string} startedAt RFC 3339
 * @property {string} source
 * @property {string[]} targets
 * @property {Transcript} transcript
 * @property {import("../client/transcript.js").Segment[]} segments
 */

/**
 * Events: "change" (how it stands is different), "level" (detail: see Capture), "segment" (detail
 * {take, change}: see Transcript), "notice" (detail {key, values}: something a person should know).
 */
export class Lesson extends EventTarget {
    #Session;
    #settings;
    #token;
    #who;
    #kept;
    #capture;
    #session = null;
    #presses = 0;
    #droppedMs = 0;

    /** @type {Take[]} */
    takes = [];
    running = false;
    stopping = false;
    /** The session of before a reload is here, and nobody has pressed the button yet. */
    waiting = false;
    speaking = false;
    goaway = false;
    /** What works less well, as the server names it. */
    degraded = new Set();
    latency = new Latency();

    /**
     * @param {object} parts
     * @param {typeof import("../client/session.js").Session} parts.Session
     * @param {typeof import("../audio/capture.js").Capture} parts.Capture
     * @param {import("./settings.js").Settings} parts.settings
     * @param {() => string} parts.token
     * @param {() => string} parts.who uses the page
     * @param {KeptSession} [parts.kept]
     */
    constructor({ Session, Capture, settings, token, who, kept = new KeptSession() }) {
        super();
        this.#Session = Session;
        this.#settings = settings;
        this.#token = token;
        this.#who = who;
        this.#kept = kept;
        this.#capture = new Capture();
        this.#capture.addEventListener("state", () => this.#onCapture());
        this.#capture.addEventListener("frame", (event) => this.#session?.send(event.detail));
        this.#capture.addEventListener("level", (event) => this.#onLevel(event.detail));
        settings.addEventListener("change", () => this.#onSettings());
    }

    /** @returns {import("./status.js").Standing} */
    get standing() {
        const { running, stopping, waiting, speaking } = this;
        return {
            running,
            stopping,
            waiting,
            speaking,
            latencyMs: this.latency.middle,
            capture: this.#capture.state ?? { state: "closed", reason: "", label: "" },
            session: this.#session?.state ?? this.#last,
        };
    }

    /** The state of the session that is over, for what is said of it. */
    #last = null;

    /** Takes up the session that was here before the page was loaded again, if there is one. */
    async takeUp() {
        const presses = this.#presses;
        const { resume, elsewhere } = await this.#kept.take(this.#who());
        if (presses !== this.#presses) return; // a new one has begun
        if (elsewhere) this.#notice("notice.elsewhere");
        if (resume === null) return;
        this.waiting = true;
        this.#begin(resume);
        this.#changed();
    }

    /** Call it from a click: the browser asks for the microphone. */
    start() {
        this.#presses++;
        // A microphone that is tried again goes on with its session, and so does one that a reload
        // has interrupted; a session that finishes is left to.
        if (this.#session && this.stopping) this.#leave();
        this.running = true;
        this.stopping = false;
        if (this.waiting) this.latency.clear(); // of what came again
        this.waiting = false;
        this.speaking = false;
        this.#last = null;
        this.#changed();
        this.#capture.open(this.#device());
    }

    /** Stops listening; what was said last still arrives. */
    stop() {
        this.#presses++;
        this.running = false;
        this.waiting = false;
        this.speaking = false;
        this.#capture.close();
        this.#end();
        this.#changed();
    }

    #end() {
        this.#kept.forget();
        this.stopping = this.#session !== null;
        this.#session?.stop();
    }

    /** Wakes a microphone that waits for a click. */
    resume() {
        this.#capture.resume();
    }

    #device() {
        const deviceId = this.#settings.get("device");
        return deviceId ? { deviceId } : {};
    }

    #changed() {
        this.dispatchEvent(new Event("change"));
    }

    #notice(key, values = {}) {
        this.dispatchEvent(new CustomEvent("notice", { detail: { key, values } }));
    }

    #onCapture() {
        const { state, reason, label } = this.#capture.state;
        if (state === "open" && this.running && !this.#session) this.#begin();
        if (state === "open" && reason === "fallback")
            this.#notice("notice.fallback", { device: label });
        if (state === "denied" || state === "failed") this.#giveUp();
        if (state !== "open") this.speaking = false;
        this.#changed();
    }

    /** There is no microphone to go on with; what was said before is still finished. */
    #giveUp() {
        this.running = false;
        this.#end();
    }

    #onLevel(level) {
        this.dispatchEvent(new CustomEvent("level", { detail: level }));
        if (level.speaking === this.speaking) return;
        this.speaking = level.speaking;
        this.#session?.activity(level.speaking);
        this.#changed();
    }

    #onSettings() {
        const { changed } = this.#settings;
        if (this.running && changed.includes("device")) this.#capture.open(this.#device());
        if (!this.#session || this.stopping) return;
        const all = this.#settings.forSession();
        const take = this.takes.at(-1);
        if (this.waiting && all.source !== take.source) {
            this.stop(); // a session has one language that is spoken
            return;
        }
        take.targets = all.targets;
        const live = LIVE_SETTINGS.filter((name) =>
            changed.includes(name === "explain_in" ? "explain" : name));
        if (live.length) this.#session.update(Object.fromEntries(live.map((n) => [n, all[n]])));
    }

    /** A session that still finishes goes on telling its take, but no longer how we stand. */
    #leave() {
        this.#session = null;
    }

    #begin(resume = null) {
        const settings = this.#settings.forSession();
        const session = new this.#Session({ token: this.#token() || undefined, settings, resume });
        this.#session = session;
        this.degraded.clear();
        this.goaway = false;
        this.latency.clear();
        this.#listen(session, this.#take(settings, resume?.session ?? ""));
        session.start();
    }

    #take({ source, targets }, session) {
        const transcript = new Transcript();
        const take = {
            number: this.takes.length,
            session,
            startedAt: new Date().toISOString(),
            source,
            targets,
            transcript,
            get segments() {
                return transcript.segments;
            },
        };
        transcript.addEventListener("change", (event) => {
            const detail = { take, change: event.detail };
            this.dispatchEvent(new CustomEvent("segment", { detail }));
        });
        this.takes.push(take);
        return take;
    }

    #listen(session, take) {
        const current = () => this.#session === session;
        const on = (type, listener) =>
            session.addEventListener(type, (event) => listener(event.detail));
        on("message", (message) => take.transcript.apply(message));
        on("started", (message) => {
            take.session = message.session;
            if (message.started_at) take.startedAt = message.started_at;
            if (current()) this.#onStarted(message, take);
        });
        on("transcript", (message) => current() && this.#onTranscript(message));
        on("degraded", (message) => current() && this.#onDegraded(message.what, true));
        on("restored", (message) => current() && this.#onDegraded(message.what, false));
        on("goaway", () => current() && this.#onGoaway());
        on("dropped", ({ ms }) => this.#onDropped(ms));
        on("error", (message) => current() && this.#onError(message));
        on("state", (state) => current() && this.#onState(state));
    }

    #onStarted({ source, targets }, take) {
        this.goaway = false;
        this.degraded.clear();
        this.#droppedMs = 0;
        if (this.waiting) this.#showSettings(source, targets, take);
        this.#changed();
    }

    /** The page shows what the session has, not what was chosen elsewhere meanwhile. */
    #showSettings(source, targets, take) {
        if (typeof source === "string") take.source = source;
        if (Array.isArray(targets)) take.targets = targets;
        this.#settings.set({ source: take.source, targets: take.targets });
    }

    #onTranscript(message) {
        this.latency.add(message);
        this.#changed();
    }

    #onDegraded(what, is) {
        for (const name of what ?? []) {
            if (is) this.degraded.add(name);
            else this.degraded.delete(name);
        }
        this.#changed();
    }

    #onGoaway() {
        this.goaway = true;
        this.#changed();
    }

    /** One figure for all that one absence of the connection has cost. */
    #onDropped(ms) {
        this.#droppedMs += ms;
        this.#notice("notice.dropped", { n: Math.ceil(this.#droppedMs / 1000) });
    }

    #onError(message) {
        if (message.code === "upstream_refused") this.#notice("notice.refused");
    }

    #onState(detail) {
        if (detail.state === "ended" || detail.state === "failed") this.#onOver(detail);
        // Before the first audio leaves, which makes an older token worthless.
        else if (detail.state === "live" && !this.stopping) this.#keep();
        this.#changed();
    }

    #keep() {
        this.#kept.keep(this.#session.resume, this.#who());
    }

    #onOver(detail) {
        this.#last = this.waiting ? this.#gone() : detail;
        this.waiting = false;
        this.#kept.forget();
        const { unsent } = this.#session;
        this.#session = null;
        this.stopping = false;
        this.goaway = false;
        this.degraded.clear();
        if (!this.running) return;
        if (GO_ON_AFTER.has(detail.reason)) {
            this.#notice("notice.again");
            this.#begin();
            if (unsent.length > 0) this.#session.send(unsent);
            return;
        }
        this.running = false;
        this.speaking = false;
        this.#capture.close();
    }

    /** The session that waited is no more: no reason for alarm, the next press begins another. */
    #gone() {
        if (this.takes.at(-1).segments.length > 0) return { state: "ended", reason: "" };
        this.takes.pop();
        return null;
    }
}
