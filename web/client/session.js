/**
 * A learner's session over any number of sockets (sotto.v1): it keeps audio until the server has
 * acknowledged it, comes back when a socket is lost, and goes on where it was.
 *
 * Events, with `event.detail`:
 * - "state": {state, reason, retryInMs, bufferedMs}.
 *     state: "connecting" (the first time) | "live" | "reconnecting" | "ended" | "failed".
 *     reason: connecting and reconnecting: "" | "lost" | "offline" | "silent" | "goaway" | an error
 *       code ("over_capacity", "internal"); ended: the server's reason ("client", "shutdown") |
 *       "closed" when close() did it | "unconfirmed" when the end was asked for and no answer came;
 *       failed: an error code ("unauthorized", "resume_refused", …) | "refused" (closed without
 *       one) | "lost" (the server keeps no sessions).
 *     retryInMs: until the next try, null while one is under way or none will come.
 *     bufferedMs: audio that waits to be sent. While it is a second or more, and while there is no
 *       connection, "state" comes again each second with the new figure.
 * - "message": every message of the server, for a Transcript.
 * - "started" "updated" "transcript" "translation" "grammar" "note" "degraded" "restored" "goaway"
 *   "error" "ended": the message of that kind. A fatal error is told by "state" too.
 * - "dropped": {ms}: so much audio was given up because more than `resume_ms` waited, since the
 *   last such event; what was said there is lost.
 * Once "ended" or "failed" came as a state, no event follows. A session that failed with
 * "resume_refused" (it was away too long) may be followed by a new Session, with its `unsent`.
 */
import { Backoff } from "./backoff.js";
import { emit } from "./emit.js";
import { isOnline, watchSignals } from "./signals.js";
import { Timers } from "./timers.js";
import { Uplink } from "./uplink.js";

const CONNECT_MS = 10000; // until session.started
const TICK_MS = 1000;
const SILENT_MS = 10000; // nothing was heard: ask whether the server is there
const SILENT_DEGRADED_MS = 60000; // while the speech API is down a full server may not read us
const ANSWER_MS = 5000; // for what was asked
const FLUSH_MS = 3000; // before we leave a server that goes away
const BUFFERED_BYTES_MAX = 65536; // in the socket; the rest waits in our own memory
const BUFFERED_AGAIN_MS = 50;
const DRAIN_EXTRA_MS = 5000;
const WAIT_MS_MAX = 600000; // whatever a server asks for

const CLOSE_DONE = 1000; // the session is over
const CLOSE_LEAVE = 4000; // any other code: it is held, and we come back

const EVENTS = new Map([
    ["session.started", "started"],
    ["session.updated", "updated"],
    ["session.degraded", "degraded"],
    ["session.restored", "restored"],
    ["session.goaway", "goaway"],
    ["session.ended", "ended"],
    ["transcript", "transcript"],
    ["translation", "translation"],
    ["grammar", "grammar"],
    ["note", "note"],
    ["error", "error"],
]);

/* Refusals of a socket after which another one may be taken. */
const PASSING_ERRORS = new Set(["over_capacity", "internal"]);
/* Close codes after which no other socket helps. */
const FINAL_CLOSES = new Set([1000, 1003, 1007, 1008, 1009, 1010]);

function ownServer() {
    const url = new URL("/v1/stream", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url;
}

function browserEnv() {
    return {
        WebSocket: globalThis.WebSocket,
        now: () => performance.now(),
        setTimeout: (run, ms) => setTimeout(run, ms),
        clearTimeout: (timer) => clearTimeout(timer),
        random: Math.random,
        signals: watchSignals,
        isOnline,
    };
}

const names = (value) => (Array.isArray(value) ? value : []);

/* A figure of the server; one that makes no sense is none. */
function figure(value, max = Number.MAX_SAFE_INTEGER) {
    return value >= 0 && Number.isFinite(value) ? Math.min(value, max) : 0;
}

function parse(data) {
    try {
        const message = JSON.parse(data);
        return typeof message?.type === "string" ? message : null;
    } catch {
        return null;
    }
}

export class Session extends EventTarget {
    #env;
    #url;
    #token;
    #settings;
    #rate;
    #state = { state: "connecting", reason: "", retryInMs: null, bufferedMs: 0 };
    #timers;
    #backoff;
    #unwatch = () => {};
    #over = false;

    // What the server knows of us, over all sockets.
    #started = null; // the newest session.started
    #seq = 0;
    #uplink;
    #pending = {}; // settings the server has not confirmed
    #stopping = false;
    #degraded = new Set();

    // Of this socket.
    #socket = null;
    #live = false; // from session.started on
    #leaving = false; // the server goes away, audio.flushed is awaited
    #endSent = false;
    #refusal = null; // the fatal error before its close
    #unanswered = 0; // session.update sent
    #heardMs = 0;
    #askedMs = 0; // when we asked whether the server is there; 0: we did not
    #tickMs = 0;
    #retryAtMs = 0;
    #retryAfter = false; // the server named the time: nothing brings it forward

    /**
     * @param {object} options
     * @param {string|URL} [options.url] ws(s) URL of /v1/stream; of the page's own server if absent
     * @param {string} [options.token]
     * @param {{source: string, targets: string[], grammar?: boolean, partials?: boolean,
     *     stability?: string, explain_in?: string, name?: string, class?: string}} options.settings
     * @param {number} [options.rate] of the audio, 24000
     * @param {{session: string, token: string}} [options.resume] goes on with this session, as
     *     another one's `resume` named it: all that was said in it comes again, from the first word
     * @param {object} [options.env] what a test replaces, see browserEnv()
     */
    constructor({ url, token, settings, rate = 24000, resume = null, env = {} }) {
        super();
        this.#env = { ...browserEnv(), ...env };
        this.#url = url ?? ownServer();
        this.#token = token;
        this.#settings = { ...settings };
        this.#rate = rate;
        this.#started = resume && { session: resume.session, resume_token: resume.token };
        this.#uplink = new Uplink(rate);
        this.#timers = new Timers(this.#env);
        this.#backoff = new Backoff(this.#env.random);
    }

    /** The last "state" detail. */
    get state() {
        return this.#state;
    }

    /** Session id, "" before it is known. */
    get id() {
        return this.#started?.session ?? "";
    }

    /** What another Session goes on with; null before "started", and where none can. */
    get resume() {
        const { session, resume_token: token } = this.#started ?? {};
        return token ? { session, token } : null;
    }

    /** What was said and not sent yet, an Int16Array: another Session can send it. */
    get unsent() {
        return this.#uplink.waiting;
    }

    /** Connects. Once. Audio may be sent at once: it is kept. */
    start() {
        this.#unwatch = this.#env.signals((signal) => this.#onSignal(signal));
        this.#tickMs = this.#env.now();
        this.#timers.set("tick", TICK_MS, () => this.#onTick());
        this.#connect();
    }

    /** No more audio: sends what waits and session.end; "ended" comes when all is delivered. */
    stop() {
        if (this.#over || this.#stopping) {
            return;
        }
        this.#stopping = true;
        if (this.#started === null && this.#uplink.isEmpty) {
            this.close();
        } else {
            this.#pump();
        }
    }

    /**
     * New settings from the next segment on; kept through reconnects until the server has them.
     * @param {{targets?: string[], grammar?: boolean, partials?: boolean, stability?: string,
     *     explain_in?: string}} settings
     */
    update(settings) {
        Object.assign(this.#settings, settings);
        Object.assign(this.#pending, settings);
        this.#sendPending();
    }

    /** @param {Int16Array} pcm mono; taken over: do not write to it afterwards */
    send(pcm) {
        if (this.#over || this.#stopping) {
            return;
        }
        this.#uplink.put(pcm);
        this.#pump();
    }

    /** A hint that somebody speaks or not, at the end of the audio sent so far. */
    activity(speaking) {
        this.#uplink.hint(speaking);
        this.#pump();
    }

    /** Leaves at once; what is owed is not waited for, and the server ends the session. */
    close() {
        if (!this.#over) {
            this.#dropSocket(CLOSE_DONE);
            this.#finish("ended", "closed");
        }
    }

    // -- sockets --

    #connect() {
        this.#timers.clear("retry");
        let socket;
        try {
            socket = new this.#env.WebSocket(this.#url, ["sotto.v1"]);
        } catch {
            this.#finish("failed", "refused"); // an address that is none, or forbidden by the page
            return;
        }
        socket.binaryType = "arraybuffer";
        socket.onopen = () => this.#sendStart();
        socket.onmessage = (event) => this.#onData(event.data);
        socket.onclose = (event) => this.#onClose(event.code);
        socket.onerror = null; // a close follows
        this.#socket = socket;
        this.#refusal = null;
        this.#leaving = this.#endSent = false;
        this.#unanswered = 0;
        this.#timers.set("connect", CONNECT_MS, () => this.#lose("silent"));
        this.#tell(this.#phase(), this.#state.reason);
    }

    /* From here on nothing of the socket is heard: closing a dead one may take a minute. */
    #dropSocket(code) {
        const socket = this.#socket;
        if (socket === null) {
            return;
        }
        this.#socket = null;
        this.#live = false;
        this.#askedMs = 0;
        socket.onopen = socket.onmessage = socket.onclose = null;
        for (const kind of ["connect", "pump", "leave", "flush", "end"]) {
            this.#timers.clear(kind);
        }
        socket.close(code);
    }

    #lose(reason) {
        this.#dropSocket(CLOSE_LEAVE);
        this.#retry(reason, 0);
    }

    #onClose(code) {
        const { code: error, retry_after_ms: afterMs } = this.#refusal ?? { code: "" };
        this.#dropSocket(CLOSE_DONE);
        if (this.#refusal !== null && !PASSING_ERRORS.has(error)) {
            this.#refused(error);
        } else if (this.#refusal === null && FINAL_CLOSES.has(code)) {
            this.#refused("refused");
        } else {
            const reason = error || (this.#env.isOnline() ? "lost" : "offline");
            this.#retry(reason, figure(afterMs, WAIT_MS_MAX));
        }
    }

    #refused(error) {
        // The answer to our goodbye was lost with the socket: the server has ended the session.
        const unconfirmed = this.#stopping && error === "resume_refused";
        this.#finish(unconfirmed ? "ended" : "failed", unconfirmed ? "unconfirmed" : error);
    }

    #retry(reason, retryAfterMs, waitMs = this.#backoff.next(retryAfterMs)) {
        if (this.#started !== null && !this.#started.resume_token) {
            this.#finish("failed", "lost");
            return;
        }
        this.#retryAtMs = this.#env.now() + waitMs;
        this.#retryAfter = retryAfterMs > 0;
        this.#timers.set("retry", waitMs, () => this.#connect());
        this.#tell(this.#phase(), reason);
    }

    #phase() {
        return this.#started === null ? "connecting" : "reconnecting";
    }

    #finish(state, reason) {
        this.#over = true;
        this.#timers.clearAll();
        this.#unwatch();
        this.#tellDropped();
        this.#tell(state, reason);
    }

    // -- what the server says --

    #onData(data) {
        const message = parse(data);
        this.#heardMs = this.#env.now();
        this.#askedMs = 0;
        if (message === null || !this.#isNews(message)) {
            return;
        }
        this.#onMessage(message);
        emit(this, "message", message);
        if (EVENTS.has(message.type)) {
            emit(this, EVENTS.get(message.type), message);
        }
        if (message.type === "session.ended" && !this.#over) {
            this.#dropSocket(CLOSE_DONE);
            this.#finish("ended", message.reason ?? "");
        }
    }

    /* Durable messages count; one that was heard already is none. */
    #isNews({ seq }) {
        if (!Number.isSafeInteger(seq)) {
            return true;
        }
        const news = seq > this.#seq;
        this.#seq = Math.max(this.#seq, seq);
        return news;
    }

    #onMessage(message) {
        if (this.#live && message.type !== "error") {
            this.#backoff.reset();
        }
        switch (message.type) {
            case "session.started":
                this.#onStarted(message);
                break;
            case "session.updated":
                this.#onAnswered();
                break;
            case "audio.ack":
                this.#uplink.ack(figure(message.audio_samples));
                break;
            case "audio.flushed":
                this.#onFlushed();
                break;
            case "session.goaway":
                this.#onGoaway(message.within_ms);
                break;
            case "session.degraded":
                names(message.what).forEach((what) => this.#degraded.add(what));
                break;
            case "session.restored":
                names(message.what).forEach((what) => this.#degraded.delete(what));
                break;
            case "error":
                this.#onError(message);
                break;
        }
    }

    #onStarted(message) {
        this.#started = message;
        this.#live = true;
        this.#timers.clear("connect");
        const position = figure(message.audio_samples);
        this.#uplink.begin(position, message.limits ?? {}, this.#env.now());
        this.#degraded.clear();
        this.#tell("live", "");
        this.#sendPending();
        this.#pump();
    }

    #onAnswered() {
        this.#unanswered = Math.max(0, this.#unanswered - 1);
        if (this.#unanswered === 0) {
            this.#pending = {};
        }
    }

    #onError(message) {
        if (message.fatal) {
            this.#refusal = message;
        } else if (message.code === "bad_message") {
            this.#onAnswered(); // settings that it does not take are not sent again
        }
    }

    // -- a server that goes away --

    #onGoaway(withinMs) {
        if (!this.#live || this.resume === null || this.#stopping) {
            return; // it ends the session itself
        }
        // Not all of its clients at once; the last fifth is for what is still owed here.
        const waitMs = this.#env.random() * figure(withinMs, WAIT_MS_MAX) * 0.8;
        this.#timers.set("leave", waitMs, () => {
            this.#timers.set("flush", FLUSH_MS, () => this.#onFlushed());
            this.#leaving = true;
            this.#say({ type: "audio.flush" });
        });
    }

    #onFlushed() {
        if (this.#leaving) {
            this.#dropSocket(CLOSE_LEAVE);
            this.#retry("goaway", 0, 0);
        }
    }

    // -- what we say --

    #say(message) {
        this.#socket.send(JSON.stringify(message));
    }

    #sendStart() {
        const { resume } = this;
        if (resume === null) {
            this.#pending = {};
        }
        this.#say({
            type: "session.start",
            token: this.#token,
            ...this.#settings,
            rate: this.#rate,
            ...(resume !== null && { resume: { ...resume, seq: this.#seq } }),
        });
    }

    #sendPending() {
        if (this.#live && !this.#leaving && Object.keys(this.#pending).length > 0) {
            this.#unanswered++;
            this.#say({ type: "session.update", ...this.#pending });
        }
    }

    /* Sends what may be sent now, and comes again when more may. */
    #pump() {
        if (!this.#live || this.#leaving || this.#endSent) {
            return;
        }
        const waitMs = this.#sendAudio();
        if (waitMs > 0) {
            this.#timers.set("pump", waitMs, () => this.#pump());
        }
        const hint = this.#uplink.takeHint();
        if (hint !== null) {
            this.#say(hint);
        }
        if (this.#stopping && this.#uplink.isDone) {
            this.#sendEnd();
        }
    }

    /* Returns when to go on, 0: when there is more. */
    #sendAudio() {
        while (this.#socket.bufferedAmount <= BUFFERED_BYTES_MAX) {
            const { pcm, waitMs } = this.#uplink.next(this.#env.now());
            if (pcm === null) {
                return waitMs;
            }
            this.#socket.send(pcm);
        }
        return BUFFERED_AGAIN_MS;
    }

    #sendEnd() {
        const drainMs = figure(this.#started.limits?.drain_ms, WAIT_MS_MAX) + DRAIN_EXTRA_MS;
        this.#timers.set("end", drainMs, () => this.#lose("silent"));
        this.#endSent = true;
        this.#say({ type: "session.end" });
    }

    // -- time --

    #onTick() {
        const now = this.#env.now();
        const slept = now - this.#tickMs > TICK_MS + ANSWER_MS;
        this.#tickMs = now;
        this.#timers.set("tick", TICK_MS, () => this.#onTick());
        this.#tellDropped();
        if (this.#live && slept) {
            this.#ask(now); // what came meanwhile may not be heard yet
        } else if (this.#live) {
            this.#listen(now);
        }
        if (!this.#live || this.#uplink.waitingMs >= 1000 || this.#state.bufferedMs > 0) {
            this.#tell(this.#state.state, this.#state.reason);
        }
    }

    #listen(now) {
        const patienceMs = this.#degraded.has("speech") ? SILENT_DEGRADED_MS : SILENT_MS;
        if (this.#askedMs > 0 && now - this.#askedMs > ANSWER_MS) {
            this.#lose("silent");
        } else if (this.#askedMs === 0 && now - this.#heardMs > patienceMs) {
            this.#ask(now);
        }
    }

    /* Settings without a change are answered at once. */
    #ask(now) {
        if (this.#askedMs === 0 && !this.#endSent && !this.#leaving) {
            this.#askedMs = now;
            this.#unanswered++;
            this.#say({ type: "session.update" });
        }
    }

    #onSignal(signal) {
        if (signal === "offline") {
            return; // what is under way may still arrive
        }
        if (this.#live) {
            this.#ask(this.#env.now());
        } else if (this.#timers.has("retry") && !this.#retryAfter) {
            this.#connect();
        }
    }

    // -- what we tell --

    #tell(state, reason) {
        const waits = this.#timers.has("retry");
        const retryInMs = waits ? Math.max(0, Math.round(this.#retryAtMs - this.#env.now())) : null;
        this.#state = { state, reason, retryInMs, bufferedMs: this.#uplink.waitingMs };
        emit(this, "state", this.#state);
    }

    #tellDropped() {
        const ms = this.#uplink.takeDroppedMs();
        if (ms > 0) {
            emit(this, "dropped", { ms });
        }
    }
}
