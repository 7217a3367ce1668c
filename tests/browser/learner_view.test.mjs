/** The learner's page by itself: a test says what the server and the microphone would. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { startFakes } from "./fakes/server.mjs";
import { accessible, axe, LAPTOP, launch, open, PHONE, shot } from "./kit.mjs";

let browser, server;

before(async () => {
    server = await startFakes();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    server?.stop();
});

/** A page with ways to steer it. */
async function learner(t, { context = LAPTOP, settings = null, hash = "" } = {}) {
    const scripts = [axe()];
    const text = JSON.stringify(JSON.stringify(settings));
    if (settings) scripts.push(`localStorage.setItem("sotto.learner.settings", ${text});`);
    const opened = await open(t, browser, server.url + "/" + hash, { context, scripts });
    const { page } = opened;
    const by = (name) => page.locator(`[data-test="${name}"]`);
    const say = (...messages) => page.evaluate((list) => {
        for (const message of list) window.fakeSessions.at(-1).say(message);
    }, messages);
    const session = (state) =>
        page.evaluate((to) => window.fakeSessions.at(-1).be(to), state);
    const capture = (state) => page.evaluate((to) => window.fakeCapture.be(to), state);
    const level = (speaking) => page.evaluate((is) => window.fakeCapture.level(is), speaking);
    const state = (name) => page.locator(`html[data-state="${name}"]`).waitFor();
    const start = async () => {
        await by("speak").click();
        await capture({ state: "open" });
        await session({ state: "live" });
        await say(started());
        await state("listening");
    };
    return { ...opened, by, say, session, capture, level, state, start };
}

function started() {
    return { type: "session.started", session: "5e55", epoch: 1, open_segment: 1, t_ms: 0,
        started_at: "2026-11-22T10:00:00.000Z", targets: ["es"], source: "en-US" };
}

const lat = { audio: 412.3 };

function partial(segment, rev, committed, tentative) {
    return { type: "transcript", segment, rev, final: false, committed, tentative, lat,
        start_ms: segment * 3000, end_ms: segment * 3000 + 2000, language: "en-US" };
}

function final(segment, committed, seq, language = "en-US") {
    return { type: "transcript", segment, rev: 90, seq, final: true, committed, tentative: "", lat,
        start_ms: segment * 3000, end_ms: segment * 3000 + 2500, language };
}

function translated(segment, lang, committed, seq, failed) {
    return { type: "translation", segment, lang, rev: 90, source_rev: 90, seq, final: true,
        committed, tentative: "", lat, start_ms: segment * 3000, end_ms: segment * 3000 + 2500,
        ...(failed && { failed }) };
}

function translating(segment, lang, rev, committed, tentative) {
    return { type: "translation", segment, lang, rev, source_rev: rev, final: false, committed,
        tentative, lat, start_ms: segment * 3000, end_ms: segment * 3000 + 2000 };
}

function corrected(segment, text, edits, seq) {
    return { type: "grammar", segment, rev: 2, source_rev: 90, seq, final: true, corrected: text,
        edits, lat };
}

const HAVE = { start: 4, end: 8, from: "have", to: "has", kind: "agreement",
    message: "With 'she' use 'has', not 'have'." };
const TO = { start: 9, end: 9, from: "", to: " to", kind: "preposition",
    message: "'listen' needs 'to' before what you hear." };

/** A lesson of some sentences, the last of them still being said. */
async function lesson({ say }) {
    await say(
        final(1, "Welcome to the lesson. Today we speak about the family.", 1),
        translated(1, "es", "Bienvenido a la lección. Hoy hablamos sobre la familia.", 2),
        corrected(1, "Welcome to the lesson. Today we speak about the family.", [], 3),
        final(2, "She have three cats.", 4),
        translated(2, "es", "Tiene tres gatos.", 5),
        corrected(2, "She has three cats.", [HAVE], 6),
        { type: "note", seq: 7, segment: 2, note: "Good! Remember the -s for he, she and it.",
            by: "Ms Rivera" },
        final(3, "We listen music in the evening.", 8),
        translated(3, "es", "Escuchamos música por la noche.", 9),
        corrected(3, "We listen to music in the evening.", [TO], 10),
        partial(4, 3, "My brother works in a small", " town near the sea"),
        translating(4, "es", 2, "Mi hermano trabaja en", " una ciudad pequeña"),
    );
}

test("says what it is for, and begins with a press", async (t) => {
    const page = await learner(t);
    await page.state("idle");
    await page.by("captions").getByRole("heading").waitFor();
    await accessible(page.page);
    await page.by("speak").click();
    await page.state("opening");
    await page.capture({ state: "open" });
    await page.state("connecting");
    const settings = await page.page.evaluate(() => window.fakeSessions[0].settings);
    assert.equal(settings.source, "en-US");
    assert.deepEqual(settings.targets, ["es"]);
    await page.session({ state: "live" });
    await page.state("listening");
    await page.level(true);
    await page.state("hearing");
    page.quiet();
});

test("shows words as they are spoken and touches only what changes", async (t) => {
    const page = await learner(t);
    await page.start();
    await page.say(partial(1, 1, "She", " have free"));
    const said = page.by("said").first();
    await said.getByText("have").waitFor();
    await page.page.evaluate(() => {
        window.spans = [...document.querySelectorAll(".said span")];
    });
    await page.say(partial(1, 2, "She have", " three cats"));
    await said.getByText("cats").waitFor();
    const kept = await page.page.evaluate(() => {
        const now = [...document.querySelectorAll(".said span")];
        return { same: window.spans.every((span, i) => span === now[i]),
            classes: now.map((span) => span.className) };
    });
    assert.ok(kept.same);
    assert.deepEqual(kept.classes, ["committed", "committed", "tentative", "tentative"]);
    assert.equal(await said.textContent(), "She have three cats");
    assert.equal(await page.by("latency").textContent(), "0.4 s");
    page.quiet();
});

test("a sentence that grows and shrinks moves nothing below it", async (t) => {
    const page = await learner(t, { context: PHONE });
    await page.start();
    const top = () => page.page.evaluate(async () => {
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        return document.querySelector(".translation").offsetTop;
    });
    const long = " and then we went to the market to buy some bread and fruit for the party";
    await page.say(partial(1, 1, "First", long));
    const before = await top();
    await page.say(partial(1, 2, "First", " and"));
    assert.equal(await top(), before);
    await page.say(partial(1, 3, "First", long));
    assert.equal(await top(), before);
    page.quiet();
});

test("draws once a frame, however much comes", async (t) => {
    const page = await learner(t);
    await page.start();
    const { records, frames } = await page.page.evaluate(async () => {
        let records = 0;
        let frames = 0;
        const nextFrame = () => new Promise((done) => requestAnimationFrame(done));
        const seen = new MutationObserver(() => records++);
        seen.observe(document.getElementById("segments"),
            { subtree: true, childList: true, characterData: true, attributes: true });
        for (; frames < 5; frames++) {
            for (let i = 0; i < 40; i++) {
                window.fakeSessions[0].say({ type: "transcript", segment: 1, rev: frames * 40 + i,
                    final: false, committed: "word ".repeat(frames + 1), tentative: `now ${i}`,
                    start_ms: 0, end_ms: 100, language: "en-US" });
                await null;
            }
            await nextFrame();
        }
        await nextFrame();
        seen.disconnect();
        return { records, frames };
    });
    assert.ok(records <= frames + 2, `${records} drawings in ${frames} frames`);
    page.quiet();
});

test("tells why a word is corrected, by pointer, key and tap", async (t) => {
    const page = await learner(t);
    await page.start();
    await lesson(page);
    const mark = page.by("edit").first();
    assert.equal(await mark.textContent(), "have");
    await mark.hover();
    await page.by("fix").getByText("With 'she' use 'has'").waitFor();
    await shot(page.page, "learner-correction-laptop");
    await page.page.mouse.move(5, 5);
    await page.by("fix").waitFor({ state: "hidden" });
    await mark.focus();
    await page.page.keyboard.press("Enter");
    assert.equal(await mark.getAttribute("aria-expanded"), "true");
    assert.equal(await mark.getAttribute("aria-describedby"), "fix");
    await accessible(page.page);
    await page.page.keyboard.press("Escape");
    await page.by("fix").waitFor({ state: "hidden" });
    await page.by("edit").nth(1).click();
    assert.match(await page.by("fix").textContent(), /needs 'to'/);
    page.quiet();
});

test("a correction stays with its word while captions move on", async (t) => {
    const page = await learner(t, { context: PHONE });
    await page.start();
    await lesson(page);
    await page.by("edit").nth(1).click();
    const gap = () => page.page.evaluate(() => {
        const tip = document.getElementById("fix").getBoundingClientRect();
        const word = document.querySelector(".edit[aria-expanded=true]").getBoundingClientRect();
        return { below: Math.round(tip.top - word.bottom), at: Math.round(word.top) };
    });
    const before = await gap();
    await page.say(partial(5, 1, "And then ".repeat(25), " more"));
    await page.page.waitForFunction((at) =>
        document.querySelector(".edit[aria-expanded=true]").getBoundingClientRect().top < at - 20,
    before.at);
    const now = await gap();
    assert.ok(Math.abs(now.below - before.below) <= 1, JSON.stringify([before, now]));
    page.quiet();
});

test("a correction that is taken back takes its explanation along", async (t) => {
    const page = await learner(t);
    await page.start();
    await lesson(page);
    await page.say(final(5, "She have a dog.", 11), { ...corrected(5, "", [HAVE]), final: false });
    await page.by("edit").last().hover();
    await page.by("fix").waitFor();
    await page.say({ ...corrected(5, "", [], 12), rev: 3 }, partial(6, 1, "And then ".repeat(90), " more"));
    await page.by("fix").waitFor({ state: "hidden" });
    page.quiet();
});

test("keeps today's mistakes, once each, and finds their sentence", async (t) => {
    const page = await learner(t);
    await page.start();
    await lesson(page);
    await page.by("mistakes-button").click();
    assert.equal(await page.by("mistake").count(), 2);
    await page.say(final(5, "She have three cats.", 11), corrected(5, "", [HAVE], 12));
    await page.by("mistake").first().getByText("2 times").waitFor();
    assert.equal(await page.by("mistake").count(), 2);
    await page.by("mistake").nth(1).click();
    await page.page.locator(".is-found").waitFor();
    await shot(page.page, "learner-mistakes-laptop");
    await accessible(page.page);
    await page.page.reload();
    await page.by("mistakes-button").getByText("3").waitFor();
    page.quiet();
});

test("changes languages while one speaks", async (t) => {
    const page = await learner(t);
    await page.start();
    await lesson(page);
    await page.by("languages").click();
    assert.ok(await page.by("source").isDisabled());
    await page.by("targets-add").click();
    await page.by("target").nth(1).selectOption("ar");
    await accessible(page.page);
    await shot(page.page, "learner-languages-laptop");
    await page.page.keyboard.press("Escape");
    const updates = await page.page.evaluate(() => window.fakeSessions[0].updates);
    assert.deepEqual(updates.at(-1), { targets: ["es", "ar"] });
    await page.say(translating(4, "ar", 2, "يعمل أخي", " في مدينة صغيرة"));
    const arabic = page.page.locator('.translated[lang="ar"]').last();
    await arabic.getByText("يعمل").waitFor();
    assert.equal(await arabic.getAttribute("dir"), "rtl");
    page.quiet();
});

const TROUBLE = {
    denied: [{ state: "denied", reason: "permission" }, /Allow/],
    "no-device": [{ state: "no-device", reason: "none" }, /Plug one in/],
};

test("says what to do without a microphone", async (t) => {
    const page = await learner(t, { context: PHONE });
    for (const [state, [detail, text]] of Object.entries(TROUBLE)) {
        await page.by("speak").click();
        await page.capture(detail);
        await page.state(state);
        assert.match(await page.by("help").textContent(), text);
        await accessible(page.page);
        await shot(page.page, `learner-${state}-phone`);
        await page.by("help").getByRole("button").click();
        await page.state("opening");
        await page.by("speak").click();
        await page.state("idle");
    }
    page.quiet();
});

test("says how it stands when the connection is away, and what is kept", async (t) => {
    const page = await learner(t, { context: PHONE });
    await page.start();
    await lesson(page);
    const away = { state: "reconnecting", reason: "lost", retryInMs: 4000, bufferedMs: 6200 };
    await page.session(away);
    await page.state("reconnecting");
    assert.match(await page.by("status-detail").textContent(), /kept.*in 4 s, 6 s kept/);
    await shot(page.page, "learner-reconnecting-phone");
    await page.session({ state: "live" });
    await page.say({ type: "session.degraded", what: ["translation"], reason: "deadline" });
    await page.by("notice").getByText("Some translations").waitFor();
    await page.say({ type: "session.goaway", reason: "shutdown", within_ms: 4000 });
    await page.by("notice").getByText("nothing is lost").waitFor();
    await page.say({ type: "session.restored", what: ["translation"] }, started());
    await page.by("notice").first().waitFor({ state: "detached" });
    await accessible(page.page);
    page.quiet();
});

test("signs in with a code, and out of the address with a link", async (t) => {
    const page = await learner(t, { hash: "#token=a.b.c" });
    assert.equal(new URL(page.page.url()).hash, "");
    await page.by("speak").click();
    await page.capture({ state: "open" });
    assert.equal(await page.page.evaluate(() => window.fakeSessions[0].token), "a.b.c");
    await page.session({ state: "failed", reason: "unauthorized" });
    await page.state("signin");
    await accessible(page.page);
    await shot(page.page, "learner-signin-laptop");
    await page.page.getByRole("textbox").or(page.page.locator("#signin-field")).last()
        .fill("http://x/#token=d.e.f");
    await page.page.keyboard.press("Enter");
    await page.state("opening");
    await page.capture({ state: "open" });
    assert.equal(await page.page.evaluate(() => window.fakeSessions[1].token), "d.e.f");
    page.quiet();
});

test("saves what was said, without a connection", async (t) => {
    const page = await learner(t);
    await page.start();
    await lesson(page);
    await page.page.context().setOffline(true);
    await page.by("download").click();
    await accessible(page.page);
    const files = {};
    for (const format of ["txt", "srt", "vtt", "json"]) {
        const [saved] = await Promise.all([
            page.page.waitForEvent("download"),
            page.by(`download-${format}`).click(),
        ]);
        assert.match(saved.suggestedFilename(), new RegExp(`^sotto-.*\\.${format}$`));
        files[format] = await readFile(await saved.path(), "utf8");
    }
    assert.match(files.txt, /^\[00:00:06\] She have three cats\.\n {11}Tiene tres gatos\.$/m);
    assert.match(files.srt, /^2\n00:00:06,000 --> 00:00:08,500\nShe have three cats\.\nTiene/m);
    assert.match(files.vtt, /^WEBVTT\n\n1\n/);
    const json = JSON.parse(files.json);
    assert.deepEqual(json.sessions[0].segments[1].edits, [HAVE]);
    assert.equal(json.sessions[0].segments.length, 3);
    page.quiet();
});

test("works by keyboard, and tells a screen reader what is finished only", async (t) => {
    const page = await learner(t);
    await page.page.locator("#captions").focus();
    await page.page.keyboard.press("Space");
    await page.state("opening");
    await page.capture({ state: "open" });
    await page.session({ state: "live" });
    await page.say(started(), partial(1, 1, "She", " have"));
    await page.by("said").getByText("have").waitFor();
    assert.equal(await page.by("announce").textContent(), "");
    await page.say(final(1, "She have three cats.", 1));
    await page.by("announce").getByText("She have three cats.").waitFor();
    await page.page.keyboard.press("m");
    await page.by("mistakes").waitFor();
    await page.page.keyboard.press("Escape");
    await page.by("mistakes").waitFor({ state: "hidden" });
    await page.page.keyboard.press("t");
    assert.equal(await page.page.evaluate(() => document.documentElement.dataset.text), "large");
    await page.page.locator("#captions").focus();
    await page.page.keyboard.press("Space");
    await page.state("finishing");
    await page.session({ state: "ended", reason: "client" });
    await page.state("ended");
    page.quiet();
});

test("the dialogs of settings and files", async (t) => {
    const page = await learner(t, { context: PHONE });
    await page.start();
    await lesson(page);
    await page.by("settings").click();
    await accessible(page.page);
    await shot(page.page, "learner-settings-phone");
    await page.by("set-interface").selectOption("es");
    await page.page.getByRole("heading", { name: "Ajustes" }).waitFor();
    await page.by("set-text").selectOption("large");
    await page.page.keyboard.press("Escape");
    await page.by("download").click();
    await page.page.getByText("3 frases hasta ahora.").waitFor();
    await shot(page.page, "learner-download-phone");
    await page.page.keyboard.press("Escape");
    await page.by("mistakes-button").click();
    await shot(page.page, "learner-mistakes-phone");
    await page.page.reload();
    await page.page.getByRole("button", { name: "Descargar" }).waitFor();
    assert.equal(await page.page.evaluate(() => document.documentElement.dataset.text), "large");
    page.quiet();
});

test("a lesson that was away too long goes on in a new session", async (t) => {
    const page = await learner(t);
    await page.start();
    await page.say(final(1, "This stays.", 1));
    for (const ms of [900, 1000, 1000])
        await page.page.evaluate((n) => window.fakeSessions[0].dispatchEvent(
            new CustomEvent("dropped", { detail: { ms: n } })), ms);
    await page.by("notice").getByText("3 s of what you said are lost").waitFor();
    assert.equal(await page.by("notice").count(), 1);
    await page.page.evaluate(() => (window.fakeSessions[0].unsent = [1, 2, 3]));
    await page.session({ state: "failed", reason: "resume_refused" });
    await page.state("connecting");
    assert.deepEqual(await page.page.evaluate(() => window.fakeSessions[1].sent), [1, 2, 3]);
    await page.by("notice").getByText("A new one has begun").waitFor();
    await page.session({ state: "live" });
    await page.say({ ...started(), session: "7777" }, final(1, "This comes after.", 1));
    await page.by("said").getByText("comes after").waitFor();
    assert.deepEqual(await page.by("said").allTextContents(),
        ["This stays.", "This comes after."]);
    page.quiet();
});

/* What is kept of a session over a reload, and all that is kept of it. */
const kept = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("sotto.learner.session")));

/** A lesson that a reload has interrupted. */
async function interrupted(t) {
    const page = await learner(t);
    await page.start();
    await page.say({ ...started(), resume_token: "t1" });
    await page.session({ state: "live" });
    await page.say(final(1, "She have three cats.", 1), corrected(1, "", [HAVE], 2));
    await page.by("edit").waitFor();
    assert.deepEqual(await kept(page.page), { session: "5e55", token: "t1", who: "" });
    await page.page.reload();
    await page.page.waitForFunction(() => window.fakeSessions?.length === 1);
    return page;
}

test("a reload takes the lesson up, and a press goes on with it", async (t) => {
    const page = await interrupted(t);
    await page.state("returning");
    const resume = await page.page.evaluate(() => window.fakeSessions[0].resume);
    assert.deepEqual(resume, { session: "5e55", token: "t1" });
    await page.session({ state: "live" });
    await page.say({ ...started(), resume_token: "t2", targets: ["fr"] },
        final(1, "She have three cats.", 1), corrected(1, "", [HAVE], 2));
    await page.state("waiting");
    await page.page.getByText("Your lesson is still here").first().waitFor();
    await page.by("edit").waitFor();
    await accessible(page.page);
    await shot(page.page, "learner-waiting-laptop");
    assert.equal(await page.by("announce").textContent(), "", "it was read before");
    assert.equal(await page.by("mistakes-button").getByText("1").count(), 1, "it was counted before");
    assert.match(await page.by("languages").textContent(), /French/, "what the session has");
    assert.deepEqual(await page.page.evaluate(() => window.fakeCapture.calls), [], "it does not listen");
    await page.by("speak").click();
    await page.capture({ state: "open" });
    await page.state("listening");
    await page.say(final(2, "This is new.", 3));
    await page.by("announce").getByText("This is new.").waitFor();
    assert.equal(await page.page.evaluate(() => window.fakeSessions.length), 1);
    await page.by("speak").click();
    await page.state("finishing");
    assert.equal(await kept(page.page), null, "a lesson that was ended is not taken up");
    await page.page.reload();
    await page.state("idle");
    page.quiet();
});

test("a lesson that cannot be taken up is no reason for alarm", async (t) => {
    const page = await interrupted(t);
    await page.session({ state: "failed", reason: "resume_refused" });
    await page.state("idle");
    assert.ok(await page.by("help").isHidden());
    assert.equal(await page.page.locator("#notices").textContent(), "");
    assert.equal(await kept(page.page), null);
    await page.start();
    assert.equal(await page.page.evaluate(() => window.fakeSessions[1].resume), null);
    await page.say({ ...started(), resume_token: "t1" });
    await page.session({ state: "live" });
    await page.page.reload();
    await page.state("returning");
    await page.session({ state: "live" });
    await page.say(final(1, "She have three cats.", 1));
    await page.by("said").getByText("cats").waitFor();
    await page.session({ state: "failed", reason: "idle" });
    await page.state("ended");
    assert.ok(await page.by("help").isHidden());
    page.quiet();
});

test("another language to speak begins another lesson", async (t) => {
    const page = await interrupted(t);
    await page.session({ state: "live" });
    await page.say(started());
    await page.state("waiting");
    await page.by("languages").click();
    await page.by("source").selectOption("de-DE");
    await page.state("finishing");
    assert.deepEqual(await page.page.evaluate(() => window.fakeSessions[0].calls), ["start", "stop"]);
    assert.equal(await kept(page.page), null);
    page.quiet();
});

test("a tab's copy leaves the lesson to the tab it lives in", async (t) => {
    const page = await learner(t);
    await page.start();
    await page.say({ ...started(), resume_token: "t1" });
    await page.session({ state: "live" });
    const copied = JSON.stringify(JSON.stringify(await kept(page.page)));
    const copy = await page.page.context().newPage();
    await copy.addInitScript(`sessionStorage["sotto.learner.session"] ??= ${copied}`);
    await copy.goto(server.url);
    await copy.getByText("Your lesson goes on in another window").waitFor();
    await copy.locator('html[data-state="idle"]').waitFor();
    assert.equal(await copy.evaluate(() => window.fakeSessions.length), 0);
    await page.state("listening");
    await copy.close();
    page.quiet();
});

test("how it stands is read out while somebody speaks, too", async (t) => {
    const page = await learner(t);
    await page.start();
    await page.page.evaluate(() => setInterval(() => window.fakeCapture.level(true), 50));
    await page.session({ state: "reconnecting", reason: "lost" });
    await page.page.locator("#announce-status").getByText("Reconnecting").waitFor();
    page.quiet();
});

test("a link with another token, opened in the page that is there", async (t) => {
    const page = await learner(t, { hash: "#token=a.b.c" });
    await page.page.evaluate(() => (location.hash = "#token=d.e.f"));
    await page.page.waitForFunction(() => location.hash === "");
    await page.by("speak").click();
    await page.capture({ state: "open" });
    assert.equal(await page.page.evaluate(() => window.fakeSessions.at(-1).token), "d.e.f");
    page.quiet();
});

test("a microphone that wants a click gets one, a fatal error says what to do", async (t) => {
    const page = await learner(t);
    await page.start();
    await page.capture({ state: "suspended", reason: "gesture" });
    await page.state("suspended");
    await page.by("help").getByRole("button").click();
    assert.deepEqual(await page.page.evaluate(() => window.fakeCapture.calls.at(-1)), ["resume"]);
    await page.capture({ state: "open", reason: "fallback", label: "Built-in" });
    await page.by("notice").getByText("Built-in").waitFor();
    await page.capture({ state: "no-device", reason: "busy" });
    await page.state("no-device");
    await page.by("help").getByRole("button").click();
    await page.capture({ state: "open" });
    await page.state("listening");
    assert.equal(await page.page.evaluate(() => window.fakeSessions.length), 1);
    await page.session({ state: "failed", reason: "unsupported_language" });
    await page.state("failed");
    await page.by("help").getByRole("button", { name: "Choose languages" }).click();
    await page.by("source").waitFor();
    assert.ok(await page.by("source").isEnabled());
    page.quiet();
});

test("hostile text stays text", async (t) => {
    const page = await learner(t);
    await page.start();
    const text = "<img src=x onerror=alert(1)> \u202eevil";
    const edit = { ...HAVE, start: 0, end: 4, from: "<img", to: "<script>", message: "<b>no</b>" };
    await page.say(final(1, text, 1), corrected(1, "", [edit], 2),
        { type: "note", seq: 3, segment: 1, note: "<i>x</i>", by: "<u>y</u>" });
    await page.by("edit").click();
    await page.by("mistakes-button").click();
    await page.by("mistake").waitFor();
    const made = await page.page.evaluate(() =>
        document.querySelectorAll("main img, main script, main i, main u, .fix b").length);
    assert.equal(made, 0);
    assert.equal(await page.by("fix").locator(".fix-why").textContent(), "<b>no</b>");
    page.quiet();
});

const WIDE = { viewport: { width: 1440, height: 900 } };
/* Without motion: a colour that is on its way to another has no contrast yet. */
const LIGHT = { colorScheme: "light", forcedColors: "none", reducedMotion: "reduce" };
const LOOKS = [
    ["laptop", WIDE, ["light", LIGHT], ["dark", { ...LIGHT, colorScheme: "dark" }],
        ["contrast", { ...LIGHT, forcedColors: "active" }]],
    ["phone", PHONE, ["light", LIGHT], ["dark", { ...LIGHT, colorScheme: "dark" }]],
];

for (const [device, context, ...schemes] of LOOKS)
    test(`looks right: ${device}`, async (t) => {
        const page = await learner(t, { context });
        const sideways = () => page.page.evaluate(() =>
            document.documentElement.scrollWidth - innerWidth);
        await page.start();
        await lesson(page);
        await page.level(true);
        await page.state("hearing");
        await page.by("said").getByText("town").waitFor();
        for (const [scheme, media] of schemes) {
            await page.page.emulateMedia(media);
            await accessible(page.page);
            await shot(page.page, `learner-view-${device}-${scheme}`);
        }
        await page.page.emulateMedia(LIGHT);
        for (const size of ["large", "project"]) {
            await page.by("text-size").click();
            await page.page.locator(`html[data-text="${size}"]`).waitFor();
            assert.ok(await sideways() <= 0);
            await shot(page.page, `learner-view-${device}-${size}`);
        }
        await page.session({ state: "reconnecting", reason: "lost", retryInMs: 1000 });
        await page.state("reconnecting");
        assert.ok(await page.by("status-detail").isVisible());
        await accessible(page.page);
        page.quiet();
    });

test("moves nothing for who wants no motion", async (t) => {
    const page = await learner(t);
    const animation = () => page.page.locator(".status-dot").evaluate((dot) =>
        getComputedStyle(dot).animationName);
    await page.by("speak").click();
    await page.state("opening");
    assert.equal(await animation(), "breathe");
    await page.page.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await animation(), "none");
    page.quiet();
});

test("looks right: right to left, three languages", async (t) => {
    for (const context of [PHONE, LAPTOP]) {
        const settings = { source: "ar-EG", targets: ["en", "he", "fr"] };
        const page = await learner(t, { context, settings });
        await page.start();
        await page.say(
            final(1, "مرحبا بكم في الدرس، اليوم نتحدث عن العائلة.", 1, "ar-EG"),
            translated(1, "en", "Welcome to the lesson, today we talk about the family.", 2),
            translated(1, "he", "ברוכים הבאים לשיעור, היום נדבר על המשפחה.", 3),
            translated(1, "fr", "", 4, "deadline"),
            corrected(1, "", [{ start: 6, end: 9, from: "بكم", to: "بك", kind: "agreement",
                message: "المخاطب مفرد." }], 5),
            { ...partial(2, 1, "عندي أخ", " وأخت صغيرة"), language: "ar-EG" },
            translating(2, "en", 1, "I have a brother", " and a little sister"),
        );
        await page.by("said").nth(1).getByText("أخت").waitFor();
        assert.equal(await page.by("said").first().getAttribute("dir"), "rtl");
        await accessible(page.page);
        await shot(page.page, `learner-view-rtl-${context === PHONE ? "phone" : "laptop"}`);
        page.quiet();
    }
});
