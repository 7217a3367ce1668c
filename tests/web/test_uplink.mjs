import assert from "node:assert/strict";
import test from "node:test";
import { Keep } from "../../web/client/keep.js";
import { Pace } from "../../web/client/pace.js";
import { Uplink } from "../../web/client/uplink.js";
import { random } from "./clock.mjs";

const RATE = 1000;
const counted = (from, count) => Int16Array.from({ length: count }, (_, i) => 1 + ((from + i) % 30000));

test("keep: against a plain array, whatever is put and forgotten (200 seeds)", () => {
    for (let seed = 1; seed <= 200; seed++) {
        const uniform = random(seed);
        const below = (n) => Math.floor(uniform() * n);
        const max = 1 + below(300);
        const keep = new Keep(max);
        let all = 0;
        let acked = 0;
        let from = 0; // the oldest that must still be there
        for (let step = 0; step < 60; step++) {
            if (uniform() < 0.6) {
                const count = below(120);
                const owed = Math.max(from, acked);
                const dropped = keep.put(counted(all, count));
                all += count;
                from = Math.max(from, all - max);
                assert.equal(dropped, Math.max(0, from - owed), `seed ${seed}`);
            } else {
                acked = Math.max(acked, Math.min(all, below(all + 20)));
                keep.forget(acked);
            }
            const at = below(all + 10);
            const got = keep.get(at, below(200));
            got.forEach((sample, i) => {
                const there = at + i >= Math.max(from, acked);
                assert.ok(sample === counted(at + i, 1)[0] || (!there && sample === 0), `seed ${seed}`);
            });
            assert.ok(keep.to - keep.from <= max && keep.to === all, `seed ${seed}`);
        }
    }
});

test("pace: a burst, then the speed; a pause saves up one burst and no more", () => {
    const pace = new Pace(RATE, 2, 0);
    assert.equal(pace.room(0), RATE);
    pace.take(RATE);
    assert.equal(pace.room(0), 0);
    assert.equal(pace.room(100), 200);
    pace.take(200);
    assert.equal(pace.room(60000), RATE);
});

function drain(uplink, nowMs) {
    const out = [];
    for (;;) {
        const { pcm, waitMs } = uplink.next(nowMs);
        if (pcm === null) {
            return { out, waitMs };
        }
        out.push(...pcm);
    }
}

test("uplink: what was put is sent, a backlog at the speed that is allowed", () => {
    const uplink = new Uplink(RATE);
    assert.ok(uplink.isEmpty && uplink.isDone);
    uplink.put(counted(0, 10 * RATE));
    assert.equal(uplink.waitingMs, 10000);
    uplink.begin(0, { audio_speed_max: 2 }, 0);
    const sent = [];
    let nowMs = 0;
    for (;; nowMs += 50) {
        const { out, waitMs } = drain(uplink, nowMs);
        sent.push(...out);
        assert.ok(sent.length <= RATE + (nowMs * RATE * 2) / 1000);
        if (waitMs === 0) {
            break;
        }
    }
    assert.deepEqual(sent, [...counted(0, 10 * RATE)]);
    assert.ok(nowMs >= 4400 && nowMs <= 4700, `${nowMs} ms`);
});

test("uplink: audio past the bound is given up, told, and its place filled shortly", () => {
    const uplink = new Uplink(RATE);
    uplink.put(counted(0, 500));
    uplink.begin(0, { resume_ms: 5000 }, 0);
    assert.equal(drain(uplink, 0).out.length, 500);
    uplink.put(counted(500, 9500)); // 500 sent and 4500 more are given up
    assert.equal(uplink.takeDroppedMs(), 5000);
    assert.equal(uplink.takeDroppedMs(), 0);
    uplink.begin(500, { resume_ms: 5000, audio_speed_max: 100 }, 0);
    const { out } = drain(uplink, 1);
    const later = drain(uplink, 1000);
    const all = [...out, ...later.out, ...drain(uplink, 2000).out, ...drain(uplink, 3000).out,
        ...drain(uplink, 4000).out, ...drain(uplink, 5000).out];
    assert.deepEqual(all.slice(0, 1000), Array(1000).fill(0));
    assert.deepEqual(all.slice(1000), [...counted(5000, 5000)]);
});

test("uplink: acks and hints speak of the server's positions behind a gap", () => {
    const uplink = new Uplink(RATE);
    uplink.put(counted(0, 8000));
    uplink.begin(0, { resume_ms: 5000, audio_speed_max: 100 }, 0);
    assert.equal(drain(uplink, 0).out.length, 1000); // zeros for a gap of 3000
    uplink.hint(true);
    assert.equal(uplink.takeHint(), null);
    for (let now = 1000; !uplink.isDone; now += 1000) {
        drain(uplink, now);
    }
    assert.deepEqual(uplink.takeHint(), { type: "audio.activity", speaking: true, audio_samples: 6000 });
    assert.equal(uplink.takeHint(), null);
    uplink.ack(6000);
    assert.equal(uplink.waitingMs, 0);
    uplink.begin(6000, {}, 9000);
    assert.ok(uplink.isDone);
});

test("uplink: silence that was acknowledged long ago is not sent again", () => {
    const uplink = new Uplink(RATE);
    uplink.begin(0, { audio_speed_max: 100 }, 0);
    let server = 0;
    for (let s = 1; s <= 3600; s++) {
        uplink.put(new Int16Array(RATE));
        server += drain(uplink, s * 1000).out.length;
        uplink.ack(server);
    }
    assert.equal(uplink.takeDroppedMs(), 0);
    uplink.begin(2000, {}, 4e6); // a restart: it knows of nothing since
    uplink.put(counted(0, 100));
    const { out } = drain(uplink, 4e6);
    assert.equal(out.length + drain(uplink, 4.1e6).out.length, 1100);
});
