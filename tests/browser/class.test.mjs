/** Two learners and their teacher, at once: what is said in one page is read off the other. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessible, axe, LAPTOP, launch, open, PHONE, shot } from "./kit.mjs";
import { startLocal, startSotto } from "./programs.mjs";
import { BROTHER, CATS, makeSpeech } from "./speech.mjs";

const HEARD_MS = 90000; // other tests share the cores
const NAMES = ["Ana", "Núria"];

let local, server, browser;

before(async () => {
    local = await startLocal();
    server = await startSotto(local);
    browser = await launch({ wav: makeSpeech(BROTHER, CATS) });
});

after(async () => {
    await browser?.close();
    await server?.program.stop();
    await local?.program.stop();
});

/** A learner of this name, who has not pressed the button yet. */
async function learner(t, name) {
    const opened = await open(t, browser, server.url, { context: PHONE });
    await opened.page.getByTestId("settings").click();
    await opened.page.locator("#set-name").fill(name);
    await opened.page.keyboard.press("Escape");
    return opened;
}

test("two learners and a teacher", async (t) => {
    const teacher = await open(t, browser, `${server.url}/monitor`, { context: LAPTOP, scripts: [axe()] });
    const learners = await Promise.all(NAMES.map((name) => learner(t, name)));
    for (const { page } of learners) await page.getByTestId("speak").click();
    const tiles = teacher.page.getByTestId("tile");
    for (const name of NAMES) {
        const tile = tiles.filter({ hasText: name });
        await tile.filter({ hasText: CATS[1] }).filter({ hasText: CATS[2] }).waitFor({ timeout: HEARD_MS })
            .catch(async () => assert.fail(`${name}'s tile says: ${await tile.allInnerTexts()}`));
        await tile.locator(".tile-mistakes", { hasText: "1" }).waitFor();
    }
    assert.equal(await tiles.count(), NAMES.length);
    await shot(teacher.page, "two-learners-laptop");
    await accessible(teacher.page);
    const { updates, tileRenders } = await teacher.page.evaluate(() => window.sottoCounters);
    assert.ok(updates > 0 && tileRenders <= updates, `${tileRenders} tiles were drawn for ${updates} updates`);
    for (const { page } of learners)
        for (const [, text] of [BROTHER, CATS]) await page.getByTestId("said").filter({ hasText: text }).waitFor();
    for (const { quiet } of [teacher, ...learners]) quiet();
});
