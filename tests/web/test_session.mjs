import assert from "node:assert/strict";
import test from "node:test";
import { Session } from "../../web/client/session.js";
import { Clock, random } from "./clock.mjs";
import { LIMITS, RATE, Server } from "./server.mjs";

const FRAME = RATE / 20;
const SETTINGS = { source: "en-US", targets: ["es"], grammar: true, name: "Ana" };

/** A session, its server, and all that it told. `resume` goes on with a session of this server. */
function rig({ seed = 1, limits, token, resume, server: known } = {}) {
    const clock = known?.clock ?? new Clock();
    const server = known ?? new Server(clock, { ...LIMITS, ...limits });
    let signal = null;
    const { now, setTimeout, clearTimeout } = clock;
    const env = {
        now, setTimeout, clearTimeout,
        WebSocket: server.WebSocket,
        random: random(seed),
        signals: (on) => {
            signal = on;
            return () => (signal = null);
        },
        isOnline: () => true,
    };
    const session = new Session({ url: "ws://test/v1/stream", token, settings: SETTINGS, rate: RATE, resume, env });
    const events = [];
    for (const type of ["state", "message", "started", "transcript", "note", "dropped", "error", "ended", "goaway"]) {
        session.addEventListener(type, ({ detail }) => events.push({ type, detail }));
    }
    const spoken = [];
    return {
        clock, server, session, events, spoken,
        signal: (name) => signal?.(name),
        watched: () => signal !== null,
        /** So much audio, in real time. */
        speak(ms) {
            for (let at = 0; at < ms; at += 50) {
                const frame = Int16Array.from({ length: FRAME }, (_, i) => 1 + ((spoken.length + i) % 30000));
                spoken.push(...frame);
                session.send(frame);
                clock.pass(50);
            }
        },
        states: () => events.filter(({ type }) => type === "state").map(({ detail }) => detail),
        of: (kind) => events.filter(({ type }) => type === kind).map(({ detail }) => detail),
    };
}

/* A diff of samples would tell nobody anything. */
function heardAll({ audio }, spoken) {
    const wrong = audio.findIndex((sample, i) => sample !== spoken[i]);
    const near = (samples) => samples.slice(wrong, wrong + 3);
    assert.equal(wrong, -1, `heard ${near(audio)} at ${wrong}, not ${near(spoken)}`);
    assert.equal(audio.length, spoken.length);
}

const names = (states) => states.map(({ state }) => state).filter((state, i, all) => state !== all[i - 1]);

test("a session begins, speaks and ends", () => {
    const { clock, server, session, events, spoken, speak, states } = rig({ token: "T" });
    session.start();
    assert.equal(session.state.state, "connecting");
    speak(1000);
    assert.equal(session.state.state, "live");
    assert.equal(session.id, "s1");
    const { token, source, targets, rate, name, resume } = server.sockets[0].start;
    assert.deepEqual([token, source, targets, rate, name], ["T", "en-US", ["es"], RATE, "Ana"]);
    assert.equal(resume, undefined);
    server.say("hello");
    session.stop();
    clock.pass(10);
    heardAll(server, spoken);
    assert.ok(server.ended);
    assert.deepEqual(names(states()), ["connecting", "live", "ended"]);
    assert.equal(session.state.reason, "client");
    assert.deepEqual(events.slice(-2).map(({ type }) => type), ["ended", "state"]);
    assert.equal(clock.timers, 0, "no timer is left");
});

test("what is said while a socket is gone is kept, and sent at twice real time at most", () => {
    const { clock, server, session, spoken, speak, states } = rig();
    session.start();
    speak(2000);
    server.say("one");
    server.ack();
    server.up = false;
    server.cut();
    assert.deepEqual([session.state.state, session.state.reason], ["reconnecting", "lost"]);
    assert.ok(session.state.retryInMs <= 500);
    server.durable.push({ type: "transcript", segment: 2, seq: ++server.seq, rev: 1, final: true, committed: "two" });
    speak(10000);
    assert.ok(session.state.bufferedMs >= 9000, "told each second");
    server.up = true;
    const before = server.audio.length;
    const at = clock.now();
    while (session.state.state !== "live") {
        clock.pass(10);
    }
    const liveAt = clock.now();
    while (server.audio.length < spoken.length) {
        clock.pass(10);
        const took = clock.now() - liveAt;
        assert.ok(server.audio.length - before <= RATE + (took * RATE * 2) / 1000 + FRAME);
    }
    assert.ok(clock.now() - liveAt > 4000 && liveAt - at <= 15001);
    heardAll(server, spoken);
    const { resume } = server.socket.start;
    assert.deepEqual(resume, { session: "s1", token: "t1", seq: 1 });
    assert.equal(states().filter(({ state }) => state === "live").length > 0, true);
});

test("durable messages come once and in order over all sockets", () => {
    const { clock, server, session, speak, of } = rig();
    session.start();
    speak(200);
    server.say("one");
    server.tell(server.durable[0]); // a bug of the server, or a replay
    server.cut();
    server.durable.push({ type: "note", segment: 1, seq: ++server.seq, note: "good", by: "T" });
    clock.pass(1000);
    assert.deepEqual(of("message").filter(({ seq }) => seq).map(({ seq }) => seq), [1, 2]);
    assert.equal(of("note").length, 1);
});

test("a server that is at capacity is asked again when it said", () => {
    const { clock, server, session, signal, states } = rig();
    server.refusal = { code: "over_capacity", retry_after_ms: 5000, close: 1013 };
    session.start();
    clock.pass(10);
    assert.deepEqual([session.state.state, session.state.reason], ["connecting", "over_capacity"]);
    assert.ok(session.state.retryInMs >= 5000 && session.state.retryInMs <= 5500);
    signal("online");
    signal("visible");
    clock.pass(4900);
    assert.equal(server.sockets.length, 1, "nothing brings it forward");
    clock.pass(1000);
    assert.equal(session.state.state, "live");
    assert.deepEqual(names(states()), ["connecting", "live"]);
});

test("fatal errors stop, with their code", () => {
    for (const code of ["unauthorized", "unsupported_language", "resume_refused", "replaced", "idle"]) {
        const { clock, server, session, of, watched } = rig();
        server.refusal = { code };
        session.start();
        clock.pass(60000);
        assert.deepEqual([session.state.state, session.state.reason], ["failed", code]);
        assert.equal(server.sockets.length, 1);
        assert.equal(of("error").length, 1);
        assert.equal(clock.timers, 0);
        assert.equal(watched(), false);
    }
});

test("closes without a word: some are final, others are tried again", () => {
    for (const [code, state] of [[1000, "failed"], [1008, "failed"], [1009, "failed"], [1001, "live"], [1006, "live"],
        [1011, "live"], [1012, "live"], [1013, "live"], [1005, "live"]]) {
        const { clock, server, session, speak } = rig();
        session.start();
        speak(100);
        server.cut(code);
        clock.pass(2000);
        assert.equal(session.state.state, state, `${code}`);
    }
});

test("a server without resume: what is lost is lost, and told", () => {
    const { server, session, speak } = rig();
    server.auto = false;
    session.start();
    speak(100);
    server.socket.started = true;
    server.tell({ type: "session.started", session: "s1", epoch: 1, resume_token: null, audio_samples: 0 });
    server.cut();
    assert.deepEqual([session.state.state, session.state.reason], ["failed", "lost"]);
});

test("tries go on for ever, at most 15 s apart, and the network's return makes one at once", () => {
    const { clock, server, session, signal, speak } = rig();
    session.start();
    speak(100);
    server.up = false;
    server.cut();
    const at = [];
    for (let s = 0; s < 600; s++) {
        const before = server.sockets.length;
        clock.pass(1000);
        at.push(...Array(server.sockets.length - before).fill(s));
        assert.ok((session.state.retryInMs ?? 0) <= 15000);
    }
    assert.ok(at.length > 40 && at.at(-1) > 580);
    server.up = true;
    for (const name of ["offline", "online"]) {
        signal(name);
    }
    clock.pass(10);
    assert.equal(session.state.state, "live");
    server.ack();
    server.cut();
    assert.ok(session.state.retryInMs <= 500, "it had worked");
});

test("a socket that is dead without a close is found out and left", () => {
    const { clock, server, session, spoken, speak } = rig({ limits: { resume_ms: 60000 } });
    session.start();
    speak(1000);
    server.mute = true; // the network is gone and nobody tells
    speak(14000);
    assert.equal(session.state.state, "live");
    speak(4000);
    assert.deepEqual([session.state.state, session.state.reason], ["reconnecting", "silent"]);
    server.mute = false;
    speak(20000);
    clock.pass(15000);
    assert.equal(session.state.state, "live");
    heardAll(server, spoken);
});

test("a quiet server is asked and stays", () => {
    const { server, session, speak } = rig();
    session.start();
    speak(60000);
    assert.equal(server.sockets.length, 1);
    assert.ok(server.updates >= 4 && server.updates <= 6, `${server.updates}`);
    assert.equal(session.state.state, "live");
});

test("after sleep the socket is asked before it is trusted or left", () => {
    const { clock, server, session, speak } = rig();
    session.start();
    speak(1000);
    clock.sleep(600000);
    clock.pass(2000);
    assert.equal(server.sockets.length, 1, "it answered");
    server.mute = true;
    clock.sleep(600000);
    clock.pass(4000);
    assert.equal(session.state.state, "live");
    clock.pass(4000);
    assert.equal(session.state.state, "reconnecting");
});

test("a full socket is left to drain, the rest waits with us", () => {
    const { clock, server, session, spoken, speak } = rig();
    session.start();
    speak(100);
    server.bufferedAmount = 70000; // bytes
    const had = server.audio.length;
    speak(3000);
    assert.equal(server.audio.length, had);
    assert.ok(session.state.bufferedMs >= 2000);
    server.bufferedAmount = 0;
    clock.pass(3000);
    heardAll(server, spoken);
    assert.equal(session.state.bufferedMs, 0);
});

test("audio past resume_ms is given up, told, and the rest arrives", () => {
    const { clock, server, session, spoken, speak, of } = rig();
    session.start();
    speak(1000);
    server.ack();
    server.up = false;
    server.cut();
    speak(30000);
    server.up = true;
    clock.pass(40000);
    assert.equal(session.state.state, "live");
    const droppedMs = of("dropped").reduce((sum, { ms }) => sum + ms, 0);
    assert.equal(droppedMs, 10000);
    const heard = server.audio.slice(RATE);
    assert.deepEqual(heard.slice(0, RATE), Array(RATE).fill(0));
    assert.deepEqual(heard.slice(RATE), spoken.slice(11 * RATE));
});

test("settings are sent until the server has confirmed them", () => {
    const { clock, server, session } = rig();
    session.update({ targets: ["fr"] }); // before the start: part of it
    session.start();
    clock.pass(100);
    assert.deepEqual(server.settings.targets, ["fr"]);
    assert.equal(server.updates, 0);
    session.update({ targets: ["de"] });
    assert.deepEqual([server.settings.targets, server.updates], [["de"], 1]);
    server.up = false;
    server.cut();
    session.update({ targets: ["it"] });
    session.update({ grammar: false });
    server.up = true;
    clock.pass(2000);
    assert.deepEqual([server.settings.targets, server.settings.grammar, server.updates], [["it"], false, 2]);
    server.cut();
    clock.pass(2000);
    assert.equal(server.updates, 2, "confirmed ones are not sent again");
});

test("a server that goes away is left in time, without a lost sample", () => {
    const { clock, server, session, spoken, speak, states } = rig();
    session.start();
    speak(1000);
    server.tell({ type: "session.goaway", reason: "shutdown", within_ms: 4000 });
    speak(4000);
    clock.pass(3000);
    assert.equal(server.sockets.length, 2);
    assert.ok(server.sockets[0].flushed, "what was said became final first");
    assert.equal(server.goodbye, false, "1000 would end the session");
    assert.ok(states().some(({ state, reason }) => state === "reconnecting" && reason === "goaway"));
    heardAll(server, spoken);
    assert.equal(session.state.state, "live");
});

test("stopping without a connection delivers what was said, then ends", () => {
    const { clock, server, session, spoken, speak } = rig();
    session.start();
    speak(1000);
    server.up = false;
    server.cut();
    speak(3000);
    session.stop();
    session.send(new Int16Array(100)); // not taken any more
    server.up = true;
    clock.pass(20000);
    heardAll(server, spoken);
    assert.deepEqual([session.state.state, session.state.reason], ["ended", "client"]);
});

test("an end whose answer is lost is not tried for ever", () => {
    const { clock, server, session, speak } = rig();
    session.start();
    speak(1000);
    server.mute = true;
    session.stop();
    clock.pass(9000);
    assert.deepEqual([session.state.state, session.state.reason], ["reconnecting", "silent"]);
    server.mute = false;
    server.ended = true; // it had arrived
    clock.pass(30000);
    assert.deepEqual([session.state.state, session.state.reason], ["ended", "unconfirmed"]);
});

test("leaving at once ends the session, at every moment", () => {
    for (const moment of [0, 1, 100]) {
        const { clock, server, session, events } = rig();
        session.start();
        clock.pass(moment);
        session.close();
        session.close();
        assert.deepEqual([session.state.state, session.state.reason], ["ended", "closed"]);
        const told = events.length;
        clock.pass(60000);
        assert.equal(events.length, told);
        assert.equal(server.sockets.length, 1);
        assert.equal(clock.timers, 0);
    }
    const { server, session } = rig();
    session.start();
    session.stop(); // nothing was said: nothing to wait for
    assert.equal(session.state.state, "ended");
    assert.equal(server.socket, undefined);
});

test("hints arrive behind their audio, the newest of a backlog", () => {
    const { clock, server, session, speak } = rig();
    session.start();
    speak(1000);
    session.activity(true);
    assert.deepEqual(server.hints.map((h) => [h.speaking, h.audio_samples]), [[true, RATE]]);
    server.up = false;
    server.cut();
    speak(2000);
    session.activity(false);
    session.activity(true);
    speak(2000);
    server.up = true;
    clock.pass(20000);
    assert.deepEqual(server.hints.map((h) => [h.speaking, h.audio_samples]), [[true, RATE], [true, 3 * RATE]]);
});

test("what is no message of the protocol is ignored", () => {
    const { clock, server, session, of } = rig();
    session.start();
    clock.pass(100);
    const had = of("message").length;
    for (const data of ["", "{", "null", "3", "[]", '{"type":3}', new ArrayBuffer(4)]) {
        server.socket.onmessage({ data });
    }
    server.tell({ type: "session.party" });
    assert.equal(of("message").length, had + 1, "an unknown type is passed on, and that is all");
    assert.equal(session.state.state, "live");
});

test("another Session goes on with it, as after a reload: all again, then what is new", () => {
    const { clock, server, session, spoken, speak } = rig();
    assert.equal(session.resume, null);
    session.start();
    speak(1000);
    server.say("one");
    server.say("two");
    const { resume } = session;
    assert.deepEqual(resume, { session: "s1", token: "t1" });
    server.cut(1001);
    session.close();
    const next = rig({ resume, server });
    assert.equal(next.session.id, "s1");
    next.session.start();
    assert.equal(next.session.state.state, "reconnecting");
    clock.pass(100);
    assert.deepEqual(server.socket.start.resume, { ...resume, seq: 0 });
    assert.deepEqual(next.of("transcript").map(({ committed }) => committed), ["one", "two"]);
    next.speak(1000);
    next.session.stop();
    clock.pass(1000);
    heardAll(server, [...spoken, ...next.spoken]);
    assert.deepEqual([next.session.state.state, next.session.resume.token], ["ended", "t2"]);
});

test("what was said after a session was lost for good goes to the next one", () => {
    const { server, session, spoken, speak } = rig();
    session.start();
    speak(1000);
    const sent = server.audio.length;
    server.up = false;
    server.cut();
    speak(3000);
    server.ended = true; // it was away too long
    server.up = true;
    server.clock.pass(20000);
    assert.deepEqual([session.state.state, session.state.reason], ["failed", "resume_refused"]);
    assert.deepEqual([...session.unsent], spoken.slice(sent));
});

test("figures that make no sense do no harm", () => {
    const { clock, server, session, speak, of } = rig();
    session.start();
    server.auto = false;
    clock.pass(100);
    server.tell({ type: "session.goaway", within_ms: 1 }); // before it began
    server.socket.started = true;
    server.tell({ type: "session.started", session: "s1", epoch: 1, resume_token: "t0", audio_samples: "x",
        limits: { resume_ms: "x", audio_speed_max: -1, drain_ms: {} } });
    speak(500);
    assert.equal(server.audio.length, RATE / 2);
    server.tell({ type: "audio.ack", audio_samples: null });
    server.tell({ type: "session.degraded", what: "speech" });
    server.tell({ type: "session.restored", what: { length: 1 } });
    server.tell({ type: "transcript", segment: 1, seq: "7", rev: 1, final: true, committed: "one" });
    server.tell({ type: "transcript", segment: 2, seq: 1, rev: 1, final: true, committed: "two" });
    assert.equal(of("transcript").length, 2);
    server.auto = true;
    for (const retry_after_ms of ["soon", -5, 1e300]) {
        server.refuse(server.socket, { code: "over_capacity", retry_after_ms }, 1013);
        assert.ok(session.state.retryInMs >= 0 && session.state.retryInMs <= 620000, `${session.state.retryInMs}`);
        clock.pass(700000);
        assert.equal(session.state.state, "live");
    }
});

/* The server's view is the truth: all that was said is in its audio once and in order, whatever is
 * cut, refused or lost; of what it acknowledged nothing comes again. */
function storm(seed) {
    const { clock, server, session, spoken, speak, of, signal } = rig({ seed, limits: { resume_ms: 60000 } });
    const uniform = random(seed * 7919);
    const below = (n) => Math.floor(uniform() * n);
    let durable = 0; // the end of the last durable final: a restart goes back to here
    const faults = [
        () => server.cut(),
        () => server.cut([1001, 1006, 1011, 1012][below(4)]),
        () => {
            server.up = false;
            server.cut();
            clock.setTimeout(() => (server.up = true), below(5000));
        },
        () => {
            server.mute = true;
            clock.setTimeout(() => {
                server.mute = false;
                server.cut();
            }, below(3000));
        },
        () => server.restart(durable + below(server.audio.length - durable + 1)),
        () => (server.refusal = { code: "over_capacity", retry_after_ms: below(2000), close: 1013 }),
        () => (server.refusal = { code: "internal", close: 1011 }),
        () => server.tell({ type: "session.goaway", reason: "shutdown", within_ms: below(3000) }),
        () => {
            server.bufferedAmount = 1e6;
            clock.setTimeout(() => (server.bufferedAmount = 0), below(2000));
        },
        () => signal(["online", "offline", "visible"][below(3)]),
        () => clock.sleep(below(3000)),
        () => {
            server.say(`${durable}`);
            durable = server.audio.length;
            server.ack();
        },
        () => server.ack(),
    ];
    session.start();
    for (let i = 0; i < 60; i++) {
        speak(50 * below(12));
        if (uniform() < 0.5) {
            const fault = below(faults.length);
            const ackedOnly = fault === faults.length - 1;
            faults[fault]();
            if (ackedOnly) {
                durable = server.acked; // it owes nothing for it: it will not ask for it again
            }
        }
    }
    clock.pass(10000); // what was down comes back
    session.stop();
    clock.pass(60000);
    assert.deepEqual([session.state.state, session.state.reason], ["ended", "client"]);
    assert.equal(of("dropped").length, 0);
    heardAll(server, spoken);
    const heard = of("message").flatMap(({ seq }) => seq ?? []);
    assert.deepEqual(heard, server.durable.map(({ seq }) => seq));
    assert.equal(clock.timers, 0);
}

const SEEDS = Number(process.env.SEEDS ?? 60);

test(`nothing is lost or said twice, whatever is cut (${SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
        try {
            storm(seed);
        } catch (error) {
            error.message = `seed ${seed}: ${error.message.slice(0, 600)}`;
            throw error;
        }
    }
});
