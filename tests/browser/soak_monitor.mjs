/** The teacher's page through an hour of a class, at sixty times its speed. */
import { after, before, test } from "node:test";

import { classFeed } from "./class_feed.mjs";
import { launch, open } from "./kit.mjs";
import { replay } from "./replay.mjs";
import { startSim, startSotto } from "./programs.mjs";

let browser, server, upstream;

before(async () => {
    upstream = await startSim();
    server = await startSotto(upstream);
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.program.stop();
    await upstream?.program.stop();
});

test("an hour of a class leaves nothing behind in memory", (t) =>
    replay(t, () => open(t, browser, `${server.url}/monitor`, { scripts: [classFeed({ sessions: 60 })] }), 60));
