/** The teacher's page and what it must stand: a long day, left pointers, names that lie, answers that come late. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { classFeed } from "./class_feed.mjs";
import { launch, LAPTOP, open, PHONE, shot } from "./kit.mjs";
import { startSim, startSotto } from "./programs.mjs";

let browser, server, upstream;

before(async () => {
    upstream = await startSim();
    server = await startSotto(upstream, { args: process.env.SOTTO_WEB ? ["--web-path", process.env.SOTTO_WEB] : [] });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.program.stop();
    await upstream?.program.stop();
});

/** Lets a test put the page's clock forward: `window.wait(ms)`. What is repeated, is so sooner. */
function quickClock() {
    const now = performance.now.bind(performance);
    const real = window.setInterval.bind(window);
    let ahead = 0;
    performance.now = () => now() + ahead;
    window.wait = (ms) => (ahead += ms);
    window.setInterval = (run, ms, ...more) => real(run, ms > 1000 ? ms / 100 : ms, ...more);
}

/** As above, for what waits once. */
function quickTimers() {
    const real = window.setTimeout.bind(window);
    window.setTimeout = (run, ms, ...more) => real(run, ms > 10000 ? ms / 100 : ms, ...more);
}

async function teach(t, feed = {}, { scripts = [], ...options } = {}) {
    const all = [classFeed(feed), ...scripts];
    const opened = await open(t, browser, `${server.url}/monitor`, { scripts: all, ...options });
    const { page } = opened;
    const tile = (name) => page.getByTestId("tile").filter({ has: page.getByText(name, { exact: true }) });
    return { ...opened, tile };
}

const names = (page) => page.locator(".tile-name").allTextContents();

async function settle(page) {
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 150)));
}

/** The last learner of the wall loses the connection, and belongs in front. */
async function trouble(page) {
    const last = (await names(page)).at(-1);
    await page.evaluate((name) => {
        const i = window.classFeed.learners.findIndex(({ state }) => state.name === name);
        window.classFeed.change(i, { phase: "held" });
    }, last);
    return last;
}

test("a pointer left on the wall, or a focus, does not hold it all day", async (t) => {
    const { page } = await teach(t, { sessions: 12, seed: 5 }, { scripts: [quickClock] });
    await page.locator("[data-test=tile]").nth(11).waitFor();
    await page.locator("[data-test=tile]").first().hover();
    await page.locator("[data-test=tile] button").nth(2).focus();
    const focused = await page.evaluate(() => document.activeElement.textContent);
    const before = await names(page);
    const last = await trouble(page);
    await page.evaluate(() => window.classFeed.leave(0));
    await page.getByTestId("stale").waitFor();
    await settle(page);
    assert.deepEqual(await names(page), before);
    await page.evaluate(() => window.wait(61000));
    await page.getByTestId("stale").waitFor({ state: "hidden" });
    const now = await names(page);
    assert.equal(now.length, 11);
    assert.ok(now.indexOf(last) < 4, `${last} is not in front: ${now}`);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), focused, "the focus was lost");
});

test("a finger on a tile, and a connection that comes back, move nothing", async (t) => {
    const { page } = await teach(t, { sessions: 12, seed: 5 }, { context: PHONE, scripts: [quickClock] });
    await page.locator("[data-test=tile]").nth(11).waitFor();
    const before = await names(page);
    const touch = (type) => page.locator("[data-test=tile]").first().dispatchEvent(type, { bubbles: true });
    await touch("pointerdown");
    const last = await trouble(page);
    await settle(page);
    await page.evaluate(() => window.classFeed.cut());
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.getByTestId("state").getByText("Live").waitFor();
    await settle(page);
    assert.deepEqual(await names(page), before);
    await touch("pointerup");
    await page.waitForFunction((name) => [...document.querySelectorAll(".tile-name")]
        .findIndex((node) => node.textContent === name) < 4, last);
});

test("a day of sessions that come and go leaves nothing but those there are", async (t) => {
    const { page, quiet } = await teach(t, { sessions: 5 }, { context: LAPTOP, scripts: [quickClock] });
    await page.locator("[data-test=tile]").nth(4).waitFor();
    await page.evaluate(async () => {
        const frame = () => new Promise(requestAnimationFrame);
        for (let hour = 0; hour < 20; hour++) {
            const changed = Array.from({ length: 100 }, (_, i) => ({ session: `${hour}-${i}`, name: `${i}`,
                class: `class ${hour} ${i}`, source: `x-${hour}-${i}`, targets: ["es"] }));
            window.classFeed.tell({ type: "delta", changed, gone: [] });
            await frame();
            window.classFeed.tell({ type: "delta", changed: [], gone: changed.map(({ session }) => session) });
            await frame();
        }
    });
    await page.getByTestId("count").getByText("5 sessions").waitFor();
    await settle(page);
    assert.equal(await page.locator("[data-test=tile]").count(), 5);
    assert.equal(await page.locator("#class option").count(), 1, "classes nobody is in are on offer");
    assert.ok(await page.locator("#language option").count() < 10);
    quiet();
});

test("names that turn text around, that nobody sees, that have no end, that all are the same", async (t) => {
    const { page, tile, quiet } = await teach(t, { sessions: 4 }, { context: LAPTOP });
    await page.locator("[data-test=tile]").nth(3).waitFor();
    await page.evaluate(() => {
        const names = ["\u202Egnorw\u2066", "\u200B\u200F  ", "W".repeat(4000), "line\nbreak\u0007"];
        names.forEach((name, i) => window.classFeed.change(i, { name }));
    });
    await tile("gnorw").waitFor();
    await tile("Learner 000000").waitFor();
    await tile("line break").waitFor();
    const long = page.locator("[data-test=tile]", { hasText: "WWWW" });
    await long.getByRole("button").click();
    await page.getByTestId("sentence").nth(39).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const { head, whole } = await page.evaluate(() => ({
        head: document.querySelector(".session-head").getBoundingClientRect().height,
        whole: document.querySelector("#session").getBoundingClientRect().height,
    }));
    assert.ok(head < whole / 2, `the name takes ${head} of ${whole} pixels`);
    await page.getByTestId("session-close").click();
    await page.evaluate(() => {
        const changed = Array.from({ length: 500 }, (_, i) => ({ session: `same-${i}`, name: "Ana" }));
        window.classFeed.tell({ type: "delta", changed, gone: [] });
    });
    const count = (text) => page.waitForFunction(
        (wanted) => document.querySelector("[data-test=count]").textContent.includes(wanted), text);
    await count("504 sessions");
    await page.getByTestId("search").fill("ana");
    await count("500 of 504 sessions");
    quiet();
});

test("another language of the page keeps what was searched and chosen, and names it", async (t) => {
    const { page } = await teach(t, { sessions: 30, classes: ["7b", "8c"] }, { context: LAPTOP });
    await page.getByTestId("count").getByText("30 sessions").waitFor();
    await page.getByTestId("sort").selectOption("name");
    await page.getByTestId("search").fill("an");
    await page.getByTestId("count").getByText("of 30").waitFor();
    const before = await names(page);
    await page.locator("#interface-language").selectOption("es");
    await page.getByTestId("count").getByText("de 30 sesiones").waitFor();
    assert.deepEqual(await names(page), before);
    assert.equal(await page.getByTestId("sort").inputValue(), "name");
    assert.equal(await page.locator("#class option").first().textContent(), "Todas las clases");
});

test("a network that went away without a word is noticed", async (t) => {
    const { page } = await teach(t, { sessions: 3 }, { scripts: [quickTimers] });
    await page.locator("[data-test=tile]").nth(2).waitFor();
    const watches = () => page.evaluate(() => window.classFeed.sent.filter(({ type }) => type === "watch").length);
    // A silent class: the server is asked, and is there.
    await page.waitForFunction(() => window.classFeed.sent.filter(({ type }) => type === "watch").length >= 3);
    assert.equal(await page.evaluate(() => window.classFeed.sockets.length), 1);
    assert.ok(await watches() >= 3);
    // Nothing comes any more.
    await page.evaluate(() => (window.classFeed.socket.deliver = () => {}));
    await page.waitForFunction(() => window.classFeed.sockets.length === 2);
    await page.getByTestId("state").getByText("Live").waitFor();
});

test("a token is shown once a connection: it may be a ticket", async (t) => {
    const scripts = [classFeed({ sessions: 2 })];
    const { page } = await open(t, browser, `${server.url}/monitor#token=good`, { scripts });
    await page.locator("[data-test=tile] button").first().click();
    await page.getByTestId("sentence").nth(39).waitFor();
    assert.deepEqual(await page.evaluate(() => window.classFeed.sent.filter(({ type }) => type === "watch")
        .map(({ token }) => token ?? "none")), ["good", "none"]);
});

test("a link with a token, opened where the page is open already, signs in and leaves the address", async (t) => {
    const { page, quiet } = await teach(t, { sessions: 2, refuse: "unauthorized" });
    await page.getByTestId("token").waitFor();
    await page.evaluate(() => (location.hash = "#token=good"));
    await page.getByTestId("count").getByText("2 sessions").waitFor();
    assert.ok(!page.url().includes("token"));
    quiet();
});

test("an opened session that comes back is read again: finals came before the server knew who watches", async (t) => {
    const { page, tile, quiet } = await teach(t, { sessions: 2 });
    await tile("Ana").getByRole("button").click();
    await page.getByTestId("sentence").nth(39).waitFor();
    const asked = () => window.classFeed.sent.filter(({ type }) => type === "history").length;
    const before = await page.evaluate(asked);
    await page.evaluate(() => {
        const { state } = window.classFeed.learners[0];
        window.classFeed.tell({ type: "delta", changed: [], gone: [state.session] });
        window.classFeed.tell({ type: "delta", changed: [state], gone: [] });
    });
    await page.waitForFunction(`(${asked})() > ${before}`);
    assert.equal(await page.locator("#session-gone").isVisible(), false);
    quiet();
});

test("what runs from right to left does so, under a name that does not", async (t) => {
    const { page } = await teach(t, { sessions: 6 }, { context: PHONE });
    await page.locator("[data-test=tile]").nth(5).waitFor();
    await page.evaluate(() => {
        const { state } = window.classFeed.learners[0];
        const translations = { es: state.text, ar: "ذهبت أمس إلى السوق" };
        window.classFeed.change(0, { targets: ["es", "ar"], translations });
    });
    await page.locator("[data-test=tile] button", { hasText: "Ana" }).click();
    await page.getByTestId("sentence").nth(39).waitFor();
    const last = page.getByTestId("sentence").last().locator(".sentence-translation");
    const { ltr, rtl } = await last.evaluateAll(([ltr, rtl]) => {
        const of = (line) => [line.querySelector("p").dir, line.querySelector(".language").textContent,
            getComputedStyle(line.querySelector(".language")).direction];
        return { ltr: of(ltr), rtl: of(rtl) };
    });
    assert.deepEqual(ltr, ["ltr", "Spanish", "ltr"]);
    assert.deepEqual(rtl, ["rtl", "Arabic", "ltr"]);
    assert.equal(await page.getByTestId("live").locator("p[lang=ar]").getAttribute("dir"), "rtl");
    await shot(page, "monitor-open-rtl-phone");
});

test("mistakes of a class that was just chosen are that class's own", async (t) => {
    const { page } = await teach(t, { sessions: 8, classes: ["7b", "8c"] }, { context: LAPTOP });
    const asked = [];
    await page.route("**/v1/sessions/*/transcript.json*", async (route) => {
        asked.push(Number.parseInt(/sessions\/(\w+)/.exec(route.request().url())[1], 16));
        await route.fulfill({ json: { messages: [] } });
    });
    await page.locator("[data-test=tile]").nth(7).waitFor();
    await page.evaluate(() => window.classFeed.learners.forEach((_, i) => window.classFeed.change(i, { mistakes: 0 })));
    await page.getByTestId("view-class").click();
    await page.evaluate(() => window.classFeed.learners.forEach((_, i) => window.classFeed.change(i, { mistakes: 3 })));
    await page.getByTestId("class").selectOption("8c");
    await page.getByText("No mistakes yet").waitFor();
    assert.deepEqual(asked.sort((a, b) => a - b), [2, 4, 6, 8]);
});
