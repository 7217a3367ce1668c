/**
 * The browser of the tests: Debian's Chromium with a microphone that is a file. A page that says an error, breaks its
 * own policy, asks for something that is not there or loads anything from elsewhere fails its test.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { BIN } from "./programs.mjs";

const MODULES = join(dirname(BIN), "browser");
const SHOTS = join(dirname(BIN), "screenshots");
const CHROMIUM = "/usr/bin/chromium";

const require = createRequire(join(MODULES, "package.json"));
const { chromium, selectors } = require("playwright-core");

selectors.setTestIdAttribute("data-test");

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
export const LAPTOP = { viewport: { width: 1280, height: 800 } };

/**
 * Starts Chromium. `wav`: what its microphone hears, once, from the moment a page opens it; null: the pages are not
 * given any microphone until they have asked, and then refused.
 */
export function launch({ wav = null } = {}) {
    const args = [
        "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
    ];
    if (wav) args.push("--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${wav}%noloop`);
    return chromium.launch({ executablePath: CHROMIUM, headless: true, chromiumSandbox: false, args });
}

/** What of a page no test wants to see. */
class Complaints {
    constructor(page, allowed) {
        this.found = [];
        this.allowed = allowed;
        const origin = () => new URL(page.url()).origin;
        page.on("console", (message) => message.type() === "error" && this.add(`console: ${message.text()}`));
        page.on("pageerror", (error) => this.add(`error: ${error.stack ?? error}`));
        page.on("response", (answer) => answer.status() >= 400 && this.add(`${answer.status()}: ${answer.url()}`));
        page.on("request", (request) => {
            const url = new URL(request.url());
            if (/^https?:$/.test(url.protocol) && page.url() !== "about:blank" && url.origin !== origin())
                this.add(`elsewhere: ${url}`);
        });
    }

    add(text) {
        if (!this.allowed.some((pattern) => pattern.test(text))) this.found.push(text);
    }
}

/** In the page: what it may not do is said aloud, as Chromium does not for reports only. */
function tellViolations() {
    addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
}

/**
 * Opens a page in a context of its own, which ends with the test `t`; then it must have had nothing to complain about.
 * `context`: Playwright's options, `allowed`: patterns of complaints that the test provokes, `scripts`: functions or
 * sources that run in the page before its own.
 */
export async function open(t, browser, url, { context = LAPTOP, allowed = [], scripts = [] } = {}) {
    const opened = await browser.newContext(context);
    t.after(() => opened.close());
    const page = await opened.newPage();
    page.setDefaultTimeout(20000);
    const complaints = new Complaints(page, allowed);
    await page.addInitScript(tellViolations);
    for (const script of scripts)
        await page.addInitScript(typeof script === "string" ? { content: script } : script);
    await page.goto(url);
    return {
        page,
        /** Fails if the page has had anything to complain about so far. */
        quiet: () => assert.deepEqual(complaints.found, []),
    };
}

/** A picture of what is seen now, for people to look at: build/screenshots/NAME.png. */
export async function shot(page, name, options = {}) {
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${name}.png`), ...options });
}

/** The source of axe-core, for `scripts`. */
export const axe = () => require("axe-core").source;

/** No serious or critical finding of axe-core in the page as it is now. */
export async function accessible(page) {
    const findings = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    const grave = findings.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    assert.deepEqual(grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((n) => n.html).join(" | ")}`), []);
}
