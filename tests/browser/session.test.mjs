/** The pages' session over a browser's own sockets to the real server: cut, sent away, restarted. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { open } from "./kit.mjs";
import { startSotto } from "./programs.mjs";
import { stage } from "./stage.mjs";

const on = stage({ args: ["--drain-ms", 3000] });

/** In the page: a session that speaks noise in real time, and what it tells. */
async function speaker() {
    const { Session } = await import("/web/client/session.js");
    const sockets = [];
    class Kept extends WebSocket {
        constructor(...args) {
            super(...args);
            sockets.push(this);
        }
    }
    const settings = { source: "en-US", targets: ["es"], grammar: true, name: "Ana" };
    const session = new Session({ settings, env: { WebSocket: Kept } });
    const told = { states: [], starts: [], ended: null, errors: [], samples: 0 };
    session.addEventListener("state", ({ detail }) => told.states.push(detail));
    session.addEventListener("started", ({ detail }) => told.starts.push(detail));
    session.addEventListener("ended", ({ detail }) => (told.ended = detail));
    session.addEventListener("error", ({ detail }) => told.errors.push(detail.code));
    const begun = performance.now();
    const speak = () => {
        while (told.samples < (performance.now() - begun) * 24) {
            session.send(Int16Array.from({ length: 1200 }, () => 8000 * (Math.random() - 0.5)));
            told.samples += 1200;
        }
    };
    let timer = setInterval(speak, 50);
    const until = async (is) => {
        while (!is()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    session.start();
    window.talk = {
        session, told, sockets,
        live: (starts) => until(() => session.state.state === "live" && told.starts.length >= starts),
        async end() {
            clearInterval(timer);
            session.stop();
            await until(() => ["ended", "failed"].includes(session.state.state));
            return told;
        },
    };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function talk(t) {
    // What cannot connect while the server is away is told by the browser itself.
    const { page } = await open(t, on.browser, on.server.url, { allowed: [/WebSocket connection/] });
    await page.evaluate(speaker);
    await page.evaluate(() => window.talk.live(1));
    return page;
}

/** All that was said was heard, by the server's own account; and it was one session. */
async function finish(page) {
    const told = await page.evaluate(() => window.talk.end());
    assert.deepEqual(told.errors, []);
    assert.equal(told.ended?.reason, "client", JSON.stringify(told.states.at(-1)));
    assert.equal(new Set(told.starts.map(({ session }) => session)).size, 1);
    return { ...told, lostMs: told.samples / 24 - told.ended.usage.audio_ms };
}

test("sockets that are cut are followed by others, with nothing lost or twice", async (t) => {
    const page = await talk(t);
    for (let starts = 2; starts <= 4; starts++) {
        await wait(700);
        await page.evaluate(() => window.talk.sockets.at(-1).close(4001));
        await page.evaluate((n) => window.talk.live(n), starts);
    }
    const { lostMs, starts } = await finish(page);
    assert.equal(starts.length, 4);
    assert.ok(Math.abs(lostMs) < 1, `${lostMs} ms`);
});

test("a server that stops is left in time, and the next one goes on", async (t) => {
    const page = await talk(t);
    await wait(500);
    await on.server.program.stop(); // says goodbye
    on.server = await startSotto(on.upstream, { ...on.server, args: ["--drain-ms", 3000] });
    await page.evaluate(() => window.talk.live(2));
    const { states, starts } = await finish(page);
    assert.ok(states.some(({ reason }) => reason === "goaway"), JSON.stringify(states));
    assert.equal(starts.length, 2);
});
