/** The teacher's page before a real server with keys: whom it shows, whom it does not, and what it outlives. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { LAPTOP, launch, open, PHONE, shot } from "./kit.mjs";
import { startLearners } from "./learners.mjs";
import { startSim, startSotto } from "./programs.mjs";
import { LEEWAY_S, makeKeys, makeToken } from "./tokens.mjs";
import { RATE } from "./voice.mjs";

const CUT = [/WebSocket connection to/, /ERR_CONNECTION_REFUSED/];
const PAGE = 40; // sentences of one answer of history
const FORMULA = '=HYPERLINK("http://x")';
const WHOSE = [
    { name: "Ana", class: "7b", targets: ["es"] },
    { name: FORMULA, class: "7b", targets: ["es", "fr"] },
    { name: "Zoraida", class: "Class-Z", targets: ["es"] },
];

const web = process.env.SOTTO_WEB ? ["--web-path", process.env.SOTTO_WEB] : [];
const args = ["--auth-keys", makeKeys(), ...web];
const teacherOf = (group, more = {}) =>
    makeToken({ role: "teacher", sub: `teacher of ${group}`, class: group, ...more });

let upstream, server, browser, ana, formula, zoraida;

before(async () => {
    upstream = await startSim();
    server = await startSotto(upstream, { args });
    browser = await launch();
    const page = await (await browser.newContext()).newPage();
    await page.goto(server.url);
    [ana, formula, zoraida] = await startLearners(page, WHOSE);
    await Promise.all([ana.say(PAGE + 6), formula.say(2), zoraida.say(2)]);
});

after(async () => {
    await browser?.close();
    await server?.program.stop();
    await upstream?.program.stop();
});

/** What the server answers to a teacher of 7b over HTTP. */
async function http(path) {
    const answer = await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${teacherOf("7b")}` } });
    assert.equal(answer.status, 200, path);
    return answer;
}

/** The page, and all that came to it over sockets. */
async function teach(t, { hash = "", ...options } = {}) {
    const opened = await open(t, browser, "about:blank", options);
    const { page } = opened;
    const frames = [];
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(String(payload))));
    await page.goto(`${server.url}/monitor${hash}`);
    const tile = (name) => page.getByTestId("tile").filter({ has: page.getByText(name, { exact: true }) });
    return { ...opened, frames, tile, tiles: page.getByTestId("tile") };
}

/** A code that is good for as long as it takes to open a session, on a busy machine too. */
const SHORT = { lifeS: 5 - LEEWAY_S };
/** What nobody of 7b may see. */
const secrets = () => ["Zoraida", "Class-Z", zoraida.session];

async function signIn(page, token) {
    await page.getByTestId("token").fill(token);
    await page.getByTestId("token").press("Enter");
}

const live = (page) => page.locator('html[data-state="live"]').waitFor();
const names = async (page) => (await page.locator(".tile-name").allTextContents()).sort();

async function openSession(page, tile, count) {
    await tile.getByRole("button").click();
    await page.getByTestId("sentence").nth(count - 1).waitFor();
}

async function toTop(page) {
    await page.locator("#session-scroll").evaluate((box) => (box.scrollTop = 0));
}

/** As the page shows a transcript: text, edits, translations by sentence. */
const shown = (page) => page.getByTestId("sentence").evaluateAll((all) => all.map((one) => ({
    text: [...one.querySelector(".sentence-text").childNodes]
        .filter((node) => node.tagName !== "INS" && (node.previousSibling?.tagName !== "DEL" || node.data !== " "))
        .map(({ textContent }) => textContent).join("").replace(/\s+/g, " ").trim(),
    edits: one.querySelectorAll("del, ins").length > 0,
    translations: [...one.querySelectorAll(".sentence-translation p")]
        .map(({ lang, textContent }) => [lang, textContent]),
})));

/** The same of the stored messages. */
function stored(messages) {
    const finals = (kind) => messages.filter(({ type, final }) => type === kind && final);
    return finals("transcript").map(({ segment, committed }) => ({
        text: committed.replace(/\s+/g, " ").trim(),
        edits: finals("grammar").some((one) => one.segment === segment && one.edits.length > 0),
        translations: finals("translation").filter((one) => one.segment === segment)
            .map((one) => [one.lang, one.committed]),
    }));
}

async function messagesOf(session) {
    const answer = await http(`/v1/sessions/${session}/transcript.json?limit=500`);
    return (await answer.json()).messages;
}

test("a code in the field: exactly the own class, all of a learner's history, a note", async (t) => {
    const { page, frames, tile, quiet } = await teach(t, { context: LAPTOP });
    await page.getByTestId("token").waitFor();
    await signIn(page, teacherOf("7b"));
    await live(page);
    await tile("Ana").waitFor();
    assert.deepEqual(await names(page), [FORMULA, "Ana"]);

    await openSession(page, tile("Ana"), PAGE);
    await toTop(page);
    await page.getByTestId("sentence").nth(PAGE + 5).waitFor();
    const messages = await messagesOf(ana.session);
    assert.deepEqual(await shown(page), stored(messages));

    const first = page.getByTestId("sentence").first();
    await first.getByTestId("flag").click();
    await page.getByTestId("note-text").fill("Well begun");
    await page.getByTestId("note-text").press("Control+Enter");
    await first.getByTestId("note").filter({ hasText: "Well begun" }).waitFor();
    const notes = (await ana.told()).messages.filter(({ type }) => type === "note");
    const all = notes.map(({ segment, note, by }) => [segment, note, by]);
    assert.deepEqual(all, [[1, "Well begun", "teacher of 7b"]]);

    const everything = `${frames.join("\n")}\n${await page.content()}`;
    for (const secret of secrets()) assert.ok(!everything.includes(secret), `${secret} came`);
    await shot(page, "teacher-real-laptop");
    quiet();
});

test("two translations are told apart", async (t) => {
    const { page, tile } = await teach(t, { context: LAPTOP, hash: `#token=${teacherOf("7b")}` });
    assert.ok(!page.url().includes("token"));
    await openSession(page, tile(FORMULA), 2);
    const lines = page.getByTestId("sentence").first().locator(".sentence-translation");
    const written = await lines.locator("p").evaluateAll((all) => all.map(({ lang, dir }) => [lang, dir]));
    assert.deepEqual(written, [["es", "ltr"], ["fr", "ltr"]]);
    assert.deepEqual(await lines.locator(".language").allInnerTexts(), ["Spanish", "French"]);
    await shot(page, "teacher-two-targets-laptop");
});

test("the overview counts what is stored, and the exports are the server's", async (t) => {
    const { page, tiles, quiet } = await teach(t, { context: LAPTOP, hash: `#token=${teacherOf("7b")}` });
    await tiles.nth(1).waitFor();
    const counts = {};
    let audioMs = 0;
    for (const learner of [ana, formula]) {
        for (const { type, edits } of await messagesOf(learner.session))
            for (const { kind } of type === "grammar" ? edits : []) counts[kind] = (counts[kind] ?? 0) + 1;
        const { audio_samples: heard } = (await learner.told()).messages.findLast(({ type }) => type === "audio.ack");
        audioMs += (heard * 1000) / RATE;
    }
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    assert.ok(all > 2, "the simulator has planted mistakes");
    await page.getByTestId("view-class").click();
    const kinds = page.getByTestId("kinds").locator("li");
    await kinds.nth(Object.keys(counts).length - 1).waitFor();
    await page.waitForFunction(([wanted]) => [...document.querySelectorAll("#common-kinds .bar-count")]
        .reduce((sum, node) => sum + Number(node.textContent), 0) === wanted, [all]);
    assert.deepEqual((await kinds.locator(".bar-count").allInnerTexts()).map(Number),
        Object.values(counts).sort((a, b) => b - a));
    assert.equal(Number(await page.locator("#figure-mistakes").innerText()), all);
    assert.equal(Number(await page.locator("#figure-minutes").innerText()), Math.round(audioMs / 60000));

    for (const kind of ["csv", "json"]) {
        const saving = page.waitForEvent("download");
        await page.getByTestId(`export-${kind}`).click();
        const saved = await saving;
        assert.equal(saved.suggestedFilename(), `7b.${kind}`);
        const text = await readFile(await saved.path(), "utf8");
        assert.equal(text, await (await http(`/v1/classes/7b/export.${kind}`)).text());
        for (const secret of secrets()) assert.ok(!text.includes(secret), `${secret} is exported`);
        if (kind === "csv") assert.ok(text.includes(`,"'=HYPERLINK(""http://x"")",`), "a name is a formula");
    }
    quiet();
});

async function runsOut(t, context) {
    const { page, tile, tiles, frames, quiet } = await teach(t, { context });
    await signIn(page, teacherOf("7b", SHORT));
    await openSession(page, tile("Ana"), PAGE);
    await page.getByText("ask for a new one").waitFor();
    assert.ok(!(await page.locator("#page").isVisible()));
    assert.equal(await tiles.count(), 2);
    await page.evaluate(() => (window.marked = document.querySelector("[data-test=tile]")));
    // By hand, as people do: something that covers the field would be noticed.
    await page.getByTestId("token").click();
    await page.keyboard.type("nonsense");
    await page.keyboard.press("Enter");
    await page.getByText("This code was not accepted").waitFor();
    await signIn(page, teacherOf("7b"));
    await live(page);
    await tile("Ana").waitFor();
    assert.ok(await page.evaluate(() => window.marked.isConnected), "the wall was made anew");
    await page.getByTestId("sentence").nth(PAGE - 1).waitFor();
    assert.ok(!frames.join("\n").includes("Zoraida"));
    quiet();
}

async function somebodyElse(t) {
    const { page, tile, tiles } = await teach(t);
    await signIn(page, teacherOf("7b", SHORT));
    await openSession(page, tile("Ana"), PAGE);
    await page.getByText("ask for a new one").waitFor();
    await signIn(page, teacherOf("Class-Z"));
    await tile("Zoraida").waitFor();
    assert.equal(await tiles.count(), 1);
    assert.ok(!(await page.locator("main, dialog").allInnerTexts()).join().includes("Ana"));
    assert.equal(await page.getByTestId("sentence").count(), 0);
}

test("a code that runs out", { concurrency: true }, (t) => Promise.all([
    t.test("is asked for anew, and the wall stays, laptop", (one) => runsOut(one, LAPTOP)),
    t.test("is asked for anew, and the wall stays, phone", (one) => runsOut(one, PHONE)),
    t.test("somebody else who signs in finds nothing of who was here", somebodyElse),
]));

test("a server that is killed: wall, opened session and counts come back by themselves", async (t) => {
    const { page, tile, tiles } = await teach(t, { context: LAPTOP, allowed: CUT, hash: `#token=${teacherOf("7b")}` });
    await openSession(page, tile("Ana"), PAGE);
    const sentences = page.getByTestId("sentence");
    const before = { count: await sentences.count(), mistakes: await page.locator("#session-mistakes").innerText() };
    assert.ok(Number(before.mistakes) > 2);
    await server.program.stop("SIGKILL");
    await page.getByTestId("state").getByText("Connection lost").waitFor();
    server = await startSotto(upstream, { ...server, args });
    await live(page);
    await tiles.nth(1).waitFor();
    assert.deepEqual(await names(page), [FORMULA, "Ana"]);
    await ana.say(2);
    await sentences.nth(before.count + 1).waitFor();
    assert.equal(await sentences.count(), before.count + 2);
    const messages = await messagesOf(ana.session);
    assert.deepEqual((await shown(page)).slice(-2), stored(messages).slice(-2));
    const mistakes = messages.flatMap(({ type, edits }) => (type === "grammar" ? edits : [])).length;
    await page.waitForFunction((n) => document.querySelector("#session-mistakes").textContent === String(n), mistakes);
    assert.ok(await page.locator("#session-gone").isHidden());
});
