/** `make serve LAN=1`: the addresses it prints, opened as people open them, on loopback. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { LAPTOP, launch, open, shot } from "./kit.mjs";
import { BIN, ROOT } from "./programs.mjs";
import { BROTHER, makeSpeech } from "./speech.mjs";

const HEARD_MS = 60000;
const READY_MS = 90000;
/* The certificate is made, not bought. */
const CONTEXT = { ...LAPTOP, ignoreHTTPSErrors: true };

let serve, addresses, browser;

/** deploy/run.sh serve with LAN=1. It ends what it has started when it is told to end. */
async function startServe() {
    const env = { ...process.env, LAN: "1", LISTEN: "127.0.0.1", SOTTO_BIN: BIN, PORT: "18080", ONCE: "" };
    const child = spawn(join(ROOT, "deploy", "run.sh"), ["serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    process.on("exit", () => child.kill("SIGTERM"));
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
    const printed = async (pattern) => {
        const end = Date.now() + READY_MS;
        while (!pattern.test(said)) {
            if (child.exitCode !== null || Date.now() > end) throw new Error(`no ${pattern} in:\n${said}`);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return pattern.exec(said)[1];
    };
    return {
        speak: await printed(/^ *to speak +(\S+)$/m),
        teach: await printed(/^ *to teach +(\S+)$/m),
        async stop() {
            child.kill("SIGTERM");
            assert.equal(await ended, 0, said);
        },
    };
}

before(async () => {
    serve = await startServe();
    addresses = { speak: new URL(serve.speak), teach: new URL(serve.teach) };
    browser = await launch({ wav: makeSpeech(BROTHER) });
});

after(async () => {
    await browser?.close();
    await serve?.stop();
});

const bare = (url) => new URL(url.pathname, url).href;
const come = (t, url) => open(t, browser, String(url), { context: CONTEXT });
const words = (page) => page.getByTestId("said").filter({ hasText: BROTHER[1] }).first().waitFor({ timeout: HEARD_MS });

test("both addresses are secure ones of this machine and have a token behind the #", () => {
    for (const url of Object.values(addresses)) {
        assert.equal(url.protocol, "https:");
        assert.equal(url.hostname, "127.0.0.1");
        assert.equal(url.search, "");
        assert.match(url.hash, /^#token=[\w-]+\.[\w-]+\.[\w-]+$/);
    }
    assert.deepEqual([addresses.speak.pathname, addresses.teach.pathname], ["/", "/monitor"]);
});

test("a learner's address: out of sight, over wss, words; the teacher's sees them", async (t) => {
    const { page, quiet } = await come(t, addresses.speak);
    assert.equal(page.url(), bare(addresses.speak));
    const sockets = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.getByTestId("speak").click();
    await words(page);
    assert.deepEqual(sockets, [`wss://${addresses.speak.host}/v1/stream`]);

    const teacher = await come(t, addresses.teach);
    assert.equal(teacher.page.url(), bare(addresses.teach));
    const tile = teacher.page.getByTestId("tile");
    await tile.filter({ hasText: BROTHER[1] }).waitFor();
    assert.equal(await tile.count(), 1);
    await shot(teacher.page, "lan-teacher");

    await page.reload();
    await page.locator('html[data-state="waiting"]').waitFor();
    await words(page);
    teacher.quiet();
    quiet();
});

test("without a token both pages ask for one, and take the whole address", async (t) => {
    const learner = await come(t, bare(addresses.speak));
    await learner.page.getByTestId("speak").click();
    const signin = learner.page.getByTestId("signin");
    await signin.waitFor();
    await shot(learner.page, "lan-signin");
    await learner.page.locator("#signin-field").fill(addresses.speak.href);
    await learner.page.keyboard.press("Enter");
    await learner.page.locator("html[data-state=listening], html[data-state=hearing]").waitFor();
    assert.ok(await signin.isHidden());

    const teacher = await come(t, bare(addresses.teach));
    await teacher.page.getByTestId("token").fill(addresses.teach.href);
    await teacher.page.keyboard.press("Enter");
    await teacher.page.getByTestId("tile").first().waitFor();
    learner.quiet();
    teacher.quiet();
});

test("a learner's token does not open the teacher's page, and is told so", async (t) => {
    const { page, quiet } = await come(t, addresses.teach.href.replace(/#.*/, addresses.speak.hash));
    await page.getByTestId("token").waitFor();
    await page.getByText("This code is for learners. Ask for one for teachers.").waitFor();
    assert.equal(await page.getByTestId("tile").count(), 0);
    await shot(page, "lan-learner-teaches");
    quiet();
});
