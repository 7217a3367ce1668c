/** The teacher's page, before a class that is made up (class_feed.mjs): what it draws, says, and costs. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { classFeed } from "./class_feed.mjs";
import { accessible, axe, LAPTOP, open, PHONE, shot } from "./kit.mjs";
import { Program } from "./programs.mjs";
import { replay } from "./replay.mjs";
import { stage } from "./stage.mjs";
import { CATEGORIES, frameCosts, quantile } from "./trace.mjs";

const WIDE = { viewport: { width: 1440, height: 900 } };
const P95_MS = 8;

const on = stage({ args: process.env.SOTTO_WEB ? ["--web-path", process.env.SOTTO_WEB] : [] });

/** The page with its class, all tiles there. */
async function teach(t, feed = {}, options = {}) {
    const scripts = [classFeed(feed), axe()];
    const opened = await open(t, on.browser, `${on.server.url}/monitor${options.hash ?? ""}`, { scripts, ...options });
    const tile = (name) => opened.page.locator("[data-test=tile]", { has: opened.page.getByText(name, { exact: true }) });
    return { ...opened, tile };
}

const counters = (page) => page.evaluate(() => ({ ...window.sottoCounters }));
const names = (page) => page.locator(".tile-name").allTextContents();
const frames = (page, count = 2) => page.evaluate(async (n) => {
    for (let i = 0; i < n; i++) await new Promise(requestAnimationFrame);
}, count);

test("a change touches its own tile and no other", async (t) => {
    const { page, quiet } = await teach(t, { sessions: 200 }, { context: WIDE });
    await page.locator("[data-test=tile]").nth(199).waitFor({ state: "attached" });
    const before = await counters(page);
    const told = await page.evaluate(async () => {
        const touched = new Set();
        const tileOf = (node) => (node.nodeType === 1 ? node : node.parentElement).closest("[data-test=tile]");
        const observer = new MutationObserver((records) => {
            for (const { target } of records) touched.add(tileOf(target)?.dataset.session ?? "the wall");
        });
        const what = { subtree: true, childList: true, characterData: true, attributes: true };
        observer.observe(document.querySelector("[data-test=wall]"), what);
        const changed = [];
        for (let i = 0; i < 5; i++) {
            changed.push(...window.classFeed.step(3));
            await new Promise(requestAnimationFrame);
            await new Promise((resolve) => setTimeout(resolve, 0));
        }
        observer.disconnect();
        return { changed, touched: [...touched] };
    });
    assert.deepEqual(told.touched.sort(), told.changed.sort());
    const now = await counters(page);
    assert.equal(now.updates - before.updates, 15);
    assert.equal(now.tileRenders - before.tileRenders, 15);
    quiet();
});

test("two changes of one tile before a frame are drawn once", async (t) => {
    const { page } = await teach(t, { sessions: 3 });
    await page.locator("[data-test=tile]").nth(2).waitFor();
    const before = await counters(page);
    await page.evaluate(() => {
        window.classFeed.step(3);
        window.classFeed.step(3);
    });
    await frames(page);
    const now = await counters(page);
    assert.equal(now.updates - before.updates, 6);
    assert.equal(now.tileRenders - before.tileRenders, 3);
    assert.equal(now.coalesced - before.coalesced, 3);
});

test("who needs attention stands first, but nothing moves under the pointer", async (t) => {
    const { page, tile } = await teach(t, { sessions: 12, seed: 5 });
    await page.locator("[data-test=tile]").nth(11).waitFor();
    const order = await names(page);
    const last = order.at(-1);
    await page.locator("[data-test=tile]").first().hover();
    await page.evaluate((name) => {
        const i = window.classFeed.learners.findIndex(({ state }) => state.name === name);
        window.classFeed.change(i, { phase: "held" });
    }, last);
    await page.getByTestId("stale").waitFor();
    assert.deepEqual(await names(page), order, "tiles moved under the pointer");
    await page.getByTestId("stale").click();
    const trouble = await page.locator("[data-level=trouble] .tile-name").allTextContents();
    assert.ok(trouble.includes(last));
    assert.deepEqual((await names(page)).slice(0, trouble.length), trouble);
    assert.match(await tile(last).locator(".tile-why").textContent(), /Connection lost/);
});

test("search, filters and sessions that come and go", async (t) => {
    const { page, tile, quiet } = await teach(t, { sessions: 30 });
    await page.getByTestId("count").getByText("30 sessions").waitFor();
    await page.getByTestId("search").fill("LUCIA");
    await page.getByTestId("count").getByText("1 of 30 sessions").waitFor();
    assert.deepEqual(await names(page), ["Lucía"]);
    await page.getByTestId("search").fill("nobody at all");
    await page.getByTestId("none").getByRole("button").click();
    await page.getByTestId("count").getByText("30 sessions").waitFor();
    await page.getByTestId("show-speaking").click();
    assert.equal(await page.locator("[data-test=tile]:not([data-speaking])").count(), 0);
    await page.getByTestId("show-all").click();
    await page.evaluate(() => window.classFeed.leave(0));
    await tile("Ana").waitFor({ state: "detached" });
    await page.evaluate(() => window.classFeed.join());
    await page.getByTestId("count").getByText("30 sessions").waitFor();
    quiet();
});

test("an opened session: corrections, history, a note", async (t) => {
    const { page, tile, quiet } = await teach(t, { sessions: 6 });
    await tile("Ana").getByRole("button").click();
    const sentences = page.getByTestId("sentence");
    await sentences.nth(39).waitFor();
    assert.match(await sentences.last().textContent(), /5:56/);
    assert.deepEqual(await sentences.last().locator("del, ins").allTextContents(), ["go", "went"]);
    assert.match(await page.getByTestId("live").textContent(), /now/);
    await page.locator("#session-scroll").evaluate((box) => {
        box.scrollTop = 0;
    });
    await sentences.nth(79).waitFor();
    await page.locator("#session-scroll").evaluate((box) => {
        box.scrollTop = 0;
    });
    await sentences.nth(89).waitFor();
    assert.match(await sentences.first().textContent(), /0:00/);
    await sentences.last().getByTestId("flag").click();
    await page.getByTestId("note-text").fill("Say it once more, please");
    await page.evaluate(() => window.classFeed.step(6));
    await page.getByTestId("note-text").press("Control+Enter");
    await sentences.last().getByTestId("note").getByText("Say it once more, please").waitFor();
    const [flagged] = await page.evaluate(() => window.classFeed.flagged);
    assert.equal(flagged.segment, 90);
    await page.keyboard.press("Escape");
    await page.getByTestId("session").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Ana");
    quiet();
});

test("a connection that breaks is made again, and only what has changed is drawn", async (t) => {
    const { page, tile } = await teach(t, { sessions: 40 });
    await page.locator("[data-test=tile]").nth(39).waitFor({ state: "attached" });
    const before = await counters(page);
    await page.evaluate(() => {
        window.classFeed.down = true;
        window.classFeed.cut();
        const { state } = window.classFeed.learners[0];
        state.text = "said meanwhile";
    });
    await page.getByTestId("state").getByText("Connection lost").waitFor();
    await page.evaluate(() => {
        window.classFeed.down = false;
        dispatchEvent(new Event("online"));
    });
    await page.getByTestId("state").getByText("Live").waitFor();
    await tile("Ana").getByText("said meanwhile").waitFor();
    assert.equal((await counters(page)).tileRenders - before.tileRenders, 1);
});

test("a server that wants a token asks for it", async (t) => {
    const { page } = await teach(t, { sessions: 2, refuse: "unauthorized" }, { hash: "#token=old" });
    await page.getByText("This code was not accepted").waitFor();
    assert.ok(!page.url().includes("old"));
    await accessible(page);
    await page.getByTestId("token").fill("good");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByTestId("count").getByText("2 sessions").waitFor();
});

test("names and captions are text, whatever they look like", async (t) => {
    const { page, quiet } = await teach(t, { sessions: 2 });
    await page.locator("[data-test=tile]").nth(1).waitFor();
    await page.evaluate(() => {
        window.classFeed.change(0, { name: "<img src=x onerror=alert(1)>", text: "<b>{n}</b> \u202e drawkcab" });
        window.classFeed.tell({ type: "delta", changed: [null, 7, { session: 5 },
            { session: "__proto__", name: { toString: 1 }, health: 3, targets: "x", translations: [1] }], gone: null ?? [] });
        window.classFeed.socket.deliverText("not json");
        window.classFeed.socket.deliverText("null");
    });
    await page.getByText("<img src=x onerror=alert(1)>").waitFor();
    assert.equal(await page.locator("[data-test=wall] img, [data-test=wall] b").count(), 0);
    assert.equal(await page.evaluate(() => ({}).name), undefined);
    quiet();
});

test("the class: figures, common mistakes, export with the token", async (t) => {
    const { page, quiet } = await teach(t, { sessions: 4, classes: ["7b"] }, { context: WIDE, hash: "#token=good" });
    const asked = [];
    await page.route("**/v1/sessions/*/transcript.json*", async (route) => {
        asked.push(route.request().headers().authorization);
        const edits = [{ start: 4, end: 8, from: "have", to: "has", kind: "agreement", message: "She has." }];
        await route.fulfill({ json: { messages: [{ seq: 1, type: "grammar", segment: 1, edits }] } });
    });
    await page.route("**/v1/classes/7b/export.csv", (route) => route.fulfill({
        body: route.request().headers().authorization, contentType: "text/csv" }));
    await page.locator("[data-test=tile]").nth(3).waitFor();
    const wrong = await page.evaluate(() => window.classFeed.learners.filter(({ state }) => state.mistakes > 0).length);
    await page.getByTestId("view-class").click();
    await page.getByTestId("common").getByText("She has.").waitFor();
    await page.waitForFunction((count) => document.querySelector(".times + td, td.times").textContent === String(count), wrong);
    assert.deepEqual(asked, Array(wrong).fill("Bearer good"));
    const saved = page.waitForEvent("download");
    await page.getByTestId("export-csv").click();
    assert.equal((await saved).suggestedFilename(), "7b.csv");
    await accessible(page);
    quiet();
});

test("500 tiles with 200 updates a second stay within 8 ms a frame", async (t) => {
    const { page } = await teach(t, { sessions: 500 }, { context: WIDE });
    await page.locator("[data-test=tile]").nth(499).waitFor({ state: "attached" });
    const before = await counters(page);
    await page.evaluate(() => {
        window.recording = window.classFeed.record(60, 20);
    });
    await on.browser.startTracing(page, { categories: CATEGORIES });
    await page.evaluate(() => window.classFeed.play(window.recording, 100));
    await frames(page);
    const costs = frameCosts(await on.browser.stopTracing());
    const now = await counters(page);
    const p95 = quantile(costs, 0.95);
    t.diagnostic(`${costs.length} frames, p50 ${quantile(costs, 0.5).toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, ` +
        `worst ${Math.max(...costs).toFixed(1)} ms`);
    assert.equal(now.updates - before.updates, 1200);
    assert.equal(now.tileRenders - before.tileRenders + now.coalesced - before.coalesced, 1200);
    assert.ok(costs.length >= 30, `only ${costs.length} frames were seen`);
    assert.ok(p95 <= P95_MS, `p95 is ${p95} ms`);
});

test("three minutes of a class leave nothing behind in memory", (t) => replay(t, () => teach(t, { sessions: 60 }), 3));

test("200 learners on a real server: the wall follows, a note arrives", async (t) => {
    const bench = new Program("sotto-bench", "--port", on.server.port, "--sessions", 200, "--classes", 4, "--ramp", 2,
        "--warmup", 1, "--seconds", 60, "--targets", "es,fr");
    t.after(() => bench.stop("SIGKILL"));
    const { page, quiet } = await open(t, on.browser, `${on.server.url}/monitor`, { context: WIDE });
    await page.getByTestId("count").getByText("200 sessions").waitFor();
    await page.waitForFunction(() => window.sottoCounters.updates > 1000);
    // Nothing is on its way to a frame once one has been drawn.
    const now = await page.evaluate(() => new Promise((resolve) => {
        requestAnimationFrame(() => setTimeout(() => resolve({ ...window.sottoCounters }), 0));
    }));
    assert.equal(now.tileRenders + now.coalesced, now.updates);
    await page.getByTestId("class").selectOption("1B");
    await page.getByTestId("count").getByText("50 sessions").waitFor();
    await page.locator("[data-test=tile] button").first().click();
    await page.getByTestId("flag").first().click();
    await page.getByTestId("note-text").fill("Well said");
    await page.getByTestId("note-text").press("Control+Enter");
    await page.getByTestId("note").getByText("Well said").waitFor();
    t.diagnostic(JSON.stringify(now));
    quiet();
});

/** What a look is taken at, one after the other on one page. */
const STEPS = {
    wall: () => {},
    open: async (page) => {
        await page.locator("[data-test=tile] button").nth(1).click();
        await page.getByTestId("sentence").nth(39).waitFor();
    },
    rtl: async (page) => {
        await page.keyboard.press("Escape");
        await page.getByTestId("language").selectOption("ar-EG");
        await page.locator("[data-test=tile]", { hasText: "Ana" }).waitFor({ state: "detached" });
    },
    empty: async (page) => {
        await page.evaluate(() => window.classFeed.tell({ type: "snapshot", sessions: [] }));
        await page.getByTestId("empty").waitFor();
    },
};
const LOOKS = {
    laptop: [WIDE, ["wall", "open", "rtl", "empty"]],
    phone: [PHONE, ["wall", "open", "rtl"]],
    dark: [{ ...LAPTOP, colorScheme: "dark" }, ["wall", "open"]],
    es: [{ ...PHONE, locale: "es-ES" }, ["wall"]],
};

for (const [look, [context, steps]] of Object.entries(LOOKS))
    test(`without barriers and within its window, ${look}`, async (t) => {
        const { page, quiet } = await teach(t, { sessions: 30 }, { context });
        await page.locator("[data-test=tile]").nth(29).waitFor({ state: "attached" });
        for (const name of steps) {
            await STEPS[name](page);
            await frames(page, 3);
            await accessible(page);
            const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(sideways <= 0, `${name} is ${sideways} pixels wider than its window`);
            await shot(page, `monitor-${name}-${look}`);
        }
        quiet();
    });
