/**
 * A learner's page as people use it: speech enters the browser's microphone and goes through the page, sotto and
 * sotto-local; what is checked is read off the page.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, axe, launch, open, PHONE, shot } from "./kit.mjs";
import { startLocal, startSotto } from "./programs.mjs";
import { BROTHER, CATS, FOOTBALL, makeSpeech } from "./speech.mjs";
import { latencies, median, stopwatch } from "./stopwatch.mjs";

/* Generous: other tests share the cores, and the recogniser falls behind. The figure itself is told. */
const LATENCY_MS_MAX = 5000;
const HEARD_MS = 60000;
const CUT = [/WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED/];

let local;

before(async () => {
    local = await startLocal();
});

after(async () => {
    await local?.program.stop();
});

/** A server and a browser that hears these sentences, for one test. */
async function lesson(t, ...sentences) {
    const server = await startSotto(local);
    const browser = await launch({ wav: sentences.length > 0 ? makeSpeech(...sentences) : null });
    t.after(() => browser.close());
    t.after(() => server.program.stop());
    return { server, browser };
}

const state = (page, wanted) => page.locator(`html[data-state="${wanted}"]`).waitFor();
const speak = (page) => page.getByTestId("speak").click();

/** The caption of a sentence and its translation, as soon as both are whole; the caption's element. */
async function caption(page, [, text, translation]) {
    const whole = new RegExp(`^\\s*${text.replace(".", "\\.")}\\s*$`);
    const segment = page.getByTestId("segment").filter({ has: page.getByTestId("said").filter({ hasText: whole }) });
    await segment.waitFor({ timeout: HEARD_MS }).catch(async () => {
        const heard = await page.getByTestId("said").allInnerTexts();
        assert.fail(`"${text}" is not among the captions: ${JSON.stringify(heard)}`);
    });
    const line = segment.locator("[data-lang=es] .translated");
    await line.filter({ hasText: translation }).waitFor();
    assert.equal(await segment.locator(".tentative").count(), 0, "a word is still tentative");
    return segment;
}

test("what is said is captioned, translated and corrected", async (t) => {
    const { server, browser } = await lesson(t, BROTHER, CATS, FOOTBALL);
    const { page, quiet } = await open(t, browser, server.url, { context: PHONE, scripts: [axe(), stopwatch] });
    await speak(page);
    await state(page, "hearing");
    await page.locator("[data-test=said] .tentative").first().waitFor({ timeout: HEARD_MS });
    await shot(page, "speaking-phone");
    await caption(page, BROTHER);
    const cats = await caption(page, CATS);

    const mark = cats.getByTestId("edit");
    await mark.waitFor();
    assert.equal(await mark.textContent(), "have");
    await mark.click();
    const fix = page.getByTestId("fix");
    await fix.waitFor();
    assert.match(await fix.innerText(), /have\s+has[^]*With 'she' use 'has'/);
    await shot(page, "correction-phone");
    await page.keyboard.press("Escape");
    await fix.waitFor({ state: "hidden" });

    await caption(page, FOOTBALL);
    await page.getByTestId("mistakes-button").click();
    assert.equal(await page.getByTestId("mistake").count(), 1);
    await shot(page, "mistakes-phone");
    await accessible(page);
    await page.keyboard.press("Escape");

    const took = await latencies(page);
    t.diagnostic(`from the end of a sentence to its last word on the page: ${took.join(", ")} ms`);
    assert.equal(took.length, 3);
    assert.ok(median(took) < LATENCY_MS_MAX, `${took} ms`);
    await speak(page);
    await state(page, "ended");
    quiet();
});

test("a microphone that is not allowed", async (t) => {
    const { server, browser } = await lesson(t);
    const context = { ...PHONE, permissions: [] };
    const { page, quiet } = await open(t, browser, server.url, { context, scripts: [axe()] });
    await speak(page);
    await state(page, "denied");
    const help = page.getByTestId("help");
    await help.waitFor();
    assert.match(await help.innerText(), /not allowed[^]*Allow/);
    await accessible(page);
    await shot(page, "denied-phone");
    quiet();
});

test("the server is restarted in mid-sentence", async (t) => {
    const { server, browser } = await lesson(t, BROTHER, FOOTBALL, CATS);
    const { page, quiet } = await open(t, browser, server.url, { allowed: CUT });
    await speak(page);
    await page.locator("[data-test=said]", { hasText: /He plays/i }).waitFor({ timeout: HEARD_MS });
    await server.program.stop("SIGKILL");
    await state(page, "reconnecting");
    await shot(page, "reconnecting-laptop");
    server.program = (await startSotto(local, server)).program;
    for (const sentence of [BROTHER, FOOTBALL, CATS]) await caption(page, sentence);
    assert.equal(await page.getByTestId("segment").count(), 3, "something was heard twice");
    quiet();
});

/** What the page keeps of its session over a reload. */
const kept = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem("sotto.learner.session")));

test("a page that is loaded again goes on with its session, even on a server that was killed", async (t) => {
    const { server, browser } = await lesson(t, BROTHER);
    const { page, quiet } = await open(t, browser, server.url, { allowed: CUT });
    await speak(page);
    await caption(page, BROTHER);
    const { session } = await kept(page);
    await page.reload();
    await state(page, "waiting");
    await caption(page, BROTHER);
    await shot(page, "waiting-laptop");

    await speak(page);
    await page.getByTestId("said").filter({ hasText: BROTHER[1] }).nth(1).waitFor({ timeout: HEARD_MS });
    assert.equal((await kept(page)).session, session);
    await page.goto("about:blank");
    await server.program.stop("SIGKILL");
    server.program = (await startSotto(local, server)).program;
    await page.goto(server.url);
    await state(page, "waiting");
    await page.getByTestId("said").filter({ hasText: BROTHER[1] }).nth(1).waitFor();
    assert.equal(await page.getByTestId("segment").count(), 2, "something came twice");

    // A duplicated tab has a copy: the session stays where it is.
    const copied = JSON.stringify(JSON.stringify(await kept(page)));
    const copy = await page.context().newPage();
    await copy.addInitScript(`sessionStorage["sotto.learner.session"] ??= ${copied}`);
    await copy.goto(server.url);
    await copy.getByText("goes on in another window").waitFor();
    await copy.close();
    await state(page, "waiting");
    await speak(page);
    await page.locator("html[data-running]").waitFor();
    await speak(page);
    await state(page, "ended");
    await page.reload();
    await state(page, "idle");
    quiet();
});
