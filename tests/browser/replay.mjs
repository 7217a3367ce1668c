/** A class's events at sixty times their speed, and what they leave behind in the page. */
import assert from "node:assert/strict";

const GROWTH_MAX = 1.1;

/**
 * Plays `minutes` of a class with a hundred changes a second in the page that `teach()` opens; the heap after
 * collection must stay as it was after the first of them.
 */
export async function replay(t, teach, minutes) {
    const { page } = await teach();
    await page.locator("[data-test=tile]").first().waitFor();
    const session = await page.context().newCDPSession(page);
    const heap = async () => {
        for (let i = 0; i < 3; i++) await session.send("HeapProfiler.collectGarbage");
        return (await session.send("Runtime.getHeapUsage")).usedSize;
    };
    // Ten deltas a second of ten changes each; recorded minute by minute, so that the recording does not count.
    const play = () => page.evaluate(() => window.classFeed.play(window.classFeed.record(600, 10), 10, 6));
    await play();
    const start = await heap();
    const drawn = await page.evaluate(() => window.sottoCounters.tileRenders);
    for (let minute = 1; minute < minutes; minute++) await play();
    const end = await heap();
    const mb = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
    t.diagnostic(`heap ${mb(start)}, after ${minutes} minutes ${mb(end)}`);
    assert.ok((await page.evaluate(() => window.sottoCounters.tileRenders)) > drawn, "nothing was drawn");
    assert.ok(end <= start * GROWTH_MAX, `the heap has grown from ${start} to ${end} bytes`);
}
