/**
 * The connection to `/v1/monitor` (sotto.monitor.v1): says what to watch, gives what comes to the
 * store, and comes back by itself when it breaks. Every watch begins with a snapshot, so nothing
 * has to be made up for afterwards.
 *
 * Events: "state" {state, retryInMs?, message?}, where state is connecting, live, reconnecting,
 * unauthorized, refused or closed; "message" {changes}, how many sessions it changed; "snapshot";
 * "finals" {finals}; "notice" {code, message}.
 */
import { Backoff } from "../client/backoff.js";
import { emit } from "../client/emit.js";

const PROTOCOL = "sotto.monitor.v1";
const ANSWER_MS = 15000;
/** So long without a word, and the server is asked whether it is there: a wall may be silent. */
const QUIET_MS = 30000;
/** A connection that has lived so long was a good one: waits begin anew after it. */
const GOOD_MS = 10000;

const flaggedKey = ({ session, segment }) => `flagged ${session} ${segment}`;

export class Feed extends EventTarget {
    #url;
    #store;
    #token;
    #WebSocket;
    #backoff;
    #socket = null;
    #retry = 0;
    #liveSince = 0;
    #closed = false;
    #watched = { class: "", sessions: [] };
    #introduced = false;
    #waiting = [];
    #quiet = 0;
    #wake = () => this.#hurry();

    /**
     * @param {{url: string, store: import("./store.js").Store, token: () => string,
     *     WebSocket?: Function, backoff?: Backoff}} options `token` is asked at each connection;
     *     empty means none
     */
    constructor({ url, store, token, WebSocket = globalThis.WebSocket, backoff = new Backoff() }) {
        super();
        this.#url = url;
        this.#store = store;
        this.#token = token;
        this.#WebSocket = WebSocket;
        this.#backoff = backoff;
        /** What the last "state" said; null before start(). */
        this.state = null;
    }

    /** Connects, and stays connected until close(); after "unauthorized" or "refused" once more. */
    start() {
        this.#closed = false;
        globalThis.addEventListener?.("online", this.#wake);
        this.#connect();
    }

    close() {
        this.#closed = true;
        globalThis.removeEventListener?.("online", this.#wake);
        this.#drop();
        this.#say("closed");
    }

    /**
     * Watches one class (all that the token has when empty), and every final of the named sessions.
     * @param {{class?: string, sessions?: string[]}} watched what is left out stays
     */
    watch(watched) {
        this.#watched = { ...this.#watched, ...watched };
        if (this.#live) this.#send(this.#watchMessage());
    }

    /**
     * @returns {Promise<{segments: object[], more: boolean}>} up to `limit` segments before
     *     `beforeSegment`, or the newest; rejects with an Error whose `code` is the server's, or
     *     "closed" or "timeout"
     */
    history(session, beforeSegment, limit) {
        const message = { type: "history", session, limit };
        if (beforeSegment !== undefined) message.before_segment = beforeSegment;
        return this.#ask(`history ${session}`, message);
    }

    /** Leaves `note` at a sentence. Resolves once it is stored; rejects as history() does. */
    flag(session, segment, note) {
        const message = { type: "flag", session, segment, note };
        return this.#ask(flaggedKey(message), message);
    }

    get #live() {
        return this.#socket?.readyState === 1;
    }

    #watchMessage() {
        const message = { type: "watch", sessions: this.#watched.sessions };
        if (this.#watched.class !== "") message.class = this.#watched.class;
        // Once a connection: it may be a ticket, which is good for one time.
        const token = this.#introduced ? "" : this.#token();
        this.#introduced = true;
        if (token !== "") message.token = token;
        return message;
    }

    #connect() {
        this.#drop();
        this.#introduced = false;
        this.#say("connecting");
        const socket = new this.#WebSocket(this.#url, [PROTOCOL]);
        this.#socket = socket;
        socket.onopen = () => this.#send(this.#watchMessage());
        socket.onmessage = (event) => this.#onMessage(event.data);
        socket.onclose = (event) => this.#onClose(event);
        this.#expect(ANSWER_MS, () => this.#later(this.#backoff.next()));
    }

    /** Calls `late()` unless something is heard within `ms`. */
    #expect(ms, late) {
        clearTimeout(this.#quiet);
        this.#quiet = setTimeout(late, ms);
    }

    /** A watch is answered by a snapshot; a network that went away without a word, by nothing. */
    #probe() {
        if (this.#live) this.#send(this.#watchMessage());
        this.#expect(ANSWER_MS, () => this.#later(0));
    }

    /** Lets go of the socket and of who waits for its answers, without a word. */
    #drop() {
        clearTimeout(this.#retry);
        clearTimeout(this.#quiet);
        this.#retry = 0;
        const socket = this.#socket;
        this.#socket = null;
        if (socket) {
            socket.onopen = socket.onmessage = socket.onclose = null;
            socket.close();
        }
        for (const waiting of this.#waiting.splice(0)) waiting.fail("closed");
    }

    #onMessage(data) {
        this.#expect(QUIET_MS, () => this.#probe());
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            message = null;
        }
        if (message === null || typeof message !== "object") return;
        let changes = 0;
        if (message.type === "snapshot") changes = this.#onSnapshot(message);
        else if (message.type === "delta") changes = this.#onDelta(message);
        else this.#onAnswer(message);
        emit(this, "message", { changes });
    }

    #onAnswer(message) {
        if (message.type === "history") this.#answer(`history ${message.session}`, message);
        else if (message.type === "flagged") this.#answer(flaggedKey(message), message);
        else if (message.type === "error") this.#onError(message);
        else if (message.type === "session.goaway") this.#onGoaway(message);
    }

    #onSnapshot(message) {
        if (this.#liveSince === 0) {
            this.#liveSince = Date.now();
            this.#say("live");
        }
        const changes = this.#store.replace(message.sessions ?? []);
        emit(this, "snapshot");
        return changes;
    }

    #onDelta(message) {
        const changes = this.#store.change(message.changed ?? [], message.gone ?? []);
        if (message.finals?.length > 0) emit(this, "finals", { finals: message.finals });
        return changes;
    }

    /** The server stops soon: all come back, but not all at once. */
    #onGoaway(message) {
        this.#later(Math.random() * (message.within_ms ?? 0));
    }

    /** An error answers a question about its session, or the oldest; a fatal one is the end. */
    #onError(message) {
        if (message.code === "unauthorized") return this.#stop("unauthorized", message.message);
        if (message.fatal && !message.retryable) return this.#stop("refused", message.message);
        if (message.fatal) return this.#later(this.#backoff.next(message.retry_after_ms ?? 0));
        const whose = this.#take(({ session }) => session === message.session) ??
            this.#take(() => true);
        if (whose) whose.fail(message.code, message.message);
        else emit(this, "notice", { code: message.code, message: message.message });
    }

    #stop(state, message) {
        this.#liveSince = 0;
        this.#drop();
        this.#say(state, { message });
    }

    #onClose(event) {
        if (event.code === 1008) return this.#stop("refused", event.reason);
        if (this.#liveSince !== 0 && Date.now() - this.#liveSince >= GOOD_MS) this.#backoff.reset();
        this.#later(this.#backoff.next());
    }

    #later(waitMs) {
        this.#liveSince = 0;
        this.#drop();
        if (this.#closed) return;
        this.#retry = setTimeout(() => this.#connect(), waitMs);
        this.#say("reconnecting", { retryInMs: waitMs });
    }

    /** The network is back: there is nothing to wait for, and what is open may be another one's. */
    #hurry() {
        if (this.#retry !== 0) this.#connect();
        else if (this.#live) this.#probe();
    }

    #ask(key, message) {
        return new Promise((resolve, reject) => {
            const fail = (code, text = code) => {
                clearTimeout(timer);
                reject(Object.assign(new Error(text), { code }));
            };
            // Who has given up keeps its place: its answer, if it comes, is not the next one's.
            const timer = setTimeout(() => fail("timeout"), ANSWER_MS);
            if (!this.#live) return fail("closed");
            this.#waiting.push({ key, session: message.session, resolve, fail, timer });
            this.#send(message);
        });
    }

    /** Questions of one kind about one session are answered in their order. */
    #answer(key, message) {
        this.#take((waiting) => waiting.key === key)?.resolve(message);
    }

    /** Takes the first one out for which `is` holds. */
    #take(is) {
        const at = this.#waiting.findIndex(is);
        if (at < 0) return undefined;
        const [waiting] = this.#waiting.splice(at, 1);
        clearTimeout(waiting.timer);
        return waiting;
    }

    #send(message) {
        this.#socket.send(JSON.stringify(message));
    }

    #say(state, more = {}) {
        this.state = { state, ...more };
        emit(this, "state", this.state);
    }
}
