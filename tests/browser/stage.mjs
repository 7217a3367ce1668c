/** What tests of one file share: a browser, and a sotto before the simulated clouds. */
import { after, before } from "node:test";

import { launch } from "./kit.mjs";
import { startSim, startSotto } from "./programs.mjs";

/**
 * Starts all three before the file's tests and ends them after.
 * @param {object} [options] as of startSotto()
 * @returns {{browser, server, upstream}} filled in by the time a test runs; a test that replaces
 *     the server puts the new one here
 */
export function stage(options = {}) {
    const found = {};
    before(async () => {
        found.upstream = await startSim();
        found.server = await startSotto(found.upstream, options);
        found.browser = await launch();
    });
    after(async () => {
        await found.browser?.close();
        await found.server?.program.stop();
        await found.upstream?.program.stop();
    });
    return found;
}
