/**
 * A sotto.v1 server in memory, as strict as the real one about what it is sent, and the sockets
 * that lead to it. A test cuts and refuses as it likes.
 */
import assert from "node:assert/strict";

const OPEN = 1;
const CLOSED = 3;

export const RATE = 1000;
export const LIMITS = { resume_ms: 20000, audio_speed_max: 2, drain_ms: 3000 };

export class Server {
    sockets = []; // all that were ever opened
    up = true; // false: connections fail
    mute = false; // true: nothing that is sent to it arrives, and it says nothing
    refusal = null; // an error for the next session.start
    auto = true; // answers session.start by itself
    bufferedAmount = 0; // what every socket shows

    session = "s1";
    epoch = 1;
    token = 0;
    seq = 0;
    durable = []; // messages with a seq
    audio = []; // received
    acked = 0;
    settings = {};
    updates = 0;
    hints = [];
    ended = false;
    goodbye = false; // closed with 1000

    constructor(clock, limits = LIMITS) {
        this.clock = clock;
        this.limits = limits;
        const server = this;
        this.WebSocket = class extends Socket {
            constructor(url, protocols) {
                super(server, url, protocols);
            }
        };
    }

    /** The socket in use. */
    get socket() {
        return this.sockets.findLast((socket) => socket.readyState === OPEN);
    }

    tell(message) {
        if (!this.mute) {
            this.socket?.deliver(message);
        }
    }

    /** A final transcript. */
    say(text) {
        const seq = ++this.seq;
        const message = { type: "transcript", segment: seq, seq, rev: 1, final: true, committed: text };
        this.durable.push(message);
        this.tell(message);
    }

    /** Nothing more is owed for what came. */
    ack(position = this.audio.length) {
        this.acked = position;
        this.tell({ type: "audio.ack", audio_samples: position });
    }

    /** What was not durable is lost. */
    restart(position) {
        this.cut();
        this.epoch++;
        this.audio.length = position;
        this.up = true;
    }

    cut(code = 1006) {
        this.socket?.end(code);
    }

    refuse(socket, error, code = 1008) {
        socket.deliver({ type: "error", fatal: true, retryable: false, ...error });
        socket.end(code);
    }

    onText(socket, message) {
        if (message.type === "session.start") {
            this.onStart(socket, message);
            return;
        }
        assert.ok(socket.started, `${message.type} before session.started`);
        switch (message.type) {
            case "session.update":
                this.updates++;
                Object.assign(this.settings, message);
                this.tell({ type: "session.updated" });
                break;
            case "audio.activity":
                assert.ok(message.audio_samples <= this.audio.length, "a hint ahead of its audio");
                this.hints.push(message);
                break;
            case "audio.flush":
                socket.flushed = true;
                this.clock.setTimeout(() => this.tell({ type: "audio.flushed" }), 70);
                break;
            case "session.end":
                this.ended = true;
                this.tell({ type: "session.ended", reason: "client", usage: {} });
                socket.end(1000);
                break;
            default:
                assert.fail(`unknown ${message.type}`);
        }
    }

    onStart(socket, message) {
        socket.start = message;
        if (this.refusal !== null) {
            const { close, ...error } = this.refusal;
            this.refusal = null;
            this.refuse(socket, error, close);
            return;
        }
        if (message.resume) {
            if (this.ended || this.goodbye || message.resume.token !== `t${this.token}`) {
                this.refuse(socket, { code: "resume_refused" });
                return;
            }
            assert.equal(message.resume.session, this.session);
        } else {
            this.settings = { ...message };
        }
        if (this.auto) {
            this.begin(socket);
        }
    }

    begin(socket = this.socket) {
        socket.started = true;
        this.token++;
        this.tell({
            type: "session.started",
            session: this.session,
            epoch: this.epoch,
            open_segment: this.seq + 1,
            resume_token: `t${this.token}`,
            audio_samples: this.audio.length,
            limits: this.limits,
        });
        const after = socket.start.resume?.seq ?? 0;
        this.durable.filter(({ seq }) => seq > after).forEach((message) => this.tell(message));
    }

    onAudio(socket, samples) {
        assert.ok(socket.started, "audio before session.started");
        assert.ok(!socket.flushed, "audio behind the goodbye");
        assert.ok(samples.length > 0);
        this.audio.push(...samples);
    }
}

class Socket {
    readyState = 0;
    onopen = null;
    onmessage = null;
    onclose = null;
    started = false;
    flushed = false;

    constructor(server, url, protocols) {
        this.server = server;
        this.url = url;
        assert.deepEqual(protocols, ["sotto.v1"]);
        server.sockets.push(this);
        server.clock.setTimeout(() => {
            if (this.readyState !== 0 || server.mute) {
                return;
            }
            if (server.up) {
                this.readyState = OPEN;
                this.onopen?.({});
            } else {
                this.end(1006);
            }
        }, 1);
    }

    get bufferedAmount() {
        return this.server.bufferedAmount;
    }

    send(data) {
        assert.notEqual(this.readyState, 0, "sent before it was open");
        if (this.readyState !== OPEN || this.server.mute) {
            return;
        }
        if (typeof data === "string") {
            this.server.onText(this, JSON.parse(data));
        } else {
            this.server.onAudio(this, Int16Array.from(data));
        }
    }

    deliver(message) {
        this.onmessage?.({ data: JSON.stringify(message) });
    }

    close(code) {
        assert.ok(code === 1000 || (code >= 3000 && code <= 4999), `browsers refuse ${code}`);
        this.server.goodbye ||= code === 1000 && this.readyState === OPEN;
        this.readyState = CLOSED;
    }

    end(code) {
        this.readyState = CLOSED;
        this.onclose?.({ code });
    }
}
