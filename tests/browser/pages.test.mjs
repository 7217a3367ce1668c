/** Both pages load, on a phone as on a laptop, in the dark and in the light: no error, no serious barrier. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { accessible, axe, LAPTOP, open, PHONE, shot } from "./kit.mjs";
import { stage } from "./stage.mjs";

const PAGES = { learner: "/", teacher: "/monitor" };
const LOOKS = {
    laptop: LAPTOP,
    phone: PHONE,
    dark: { ...LAPTOP, colorScheme: "dark" },
    spanish: { ...PHONE, locale: "es-ES" },
};

const on = stage();

for (const [name, path] of Object.entries(PAGES))
    for (const [look, context] of Object.entries(LOOKS))
        test(`${name}, ${look}`, async (t) => {
            const { page, quiet } = await open(t, on.browser, on.server.url + path, { context, scripts: [axe()] });
            await page.getByRole("main").waitFor();
            assert.notEqual(await page.title(), "");
            await accessible(page);
            const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(sideways <= 0, `the page is ${sideways} pixels wider than its window`);
            await shot(page, `${name}-${look}`);
            quiet();
        });

test("a script of elsewhere or within the page does not run", async (t) => {
    const { page } = await open(t, on.browser, on.server.url, { allowed: [/Content Security Policy|policy:|elsewhere:/] });
    const ran = await page.evaluate(async () => {
        const tries = [{ textContent: "window.ran = 1" }, { src: "data:text/javascript,window.ran = 1" },
            { src: "http://127.0.0.1:1/x.js" }];
        for (const fields of tries) {
            const script = Object.assign(document.createElement("script"), fields);
            const over = new Promise((resolve) => {
                script.onerror = resolve;
                setTimeout(resolve, 200);
            });
            document.head.append(script);
            await over;
        }
        return window.ran ?? "none";
    });
    assert.equal(ran, "none");
});
