/** The teacher's page through an hour of a class, at sixty times its speed. */
import { test } from "node:test";

import { classFeed } from "./class_feed.mjs";
import { open } from "./kit.mjs";
import { replay } from "./replay.mjs";
import { stage } from "./stage.mjs";

const on = stage();

test("an hour of a class leaves nothing behind in memory", (t) =>
    replay(t, () => open(t, on.browser, `${on.server.url}/monitor`, { scripts: [classFeed({ sessions: 60 })] }), 60));
