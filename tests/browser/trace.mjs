/** What the browser's own tracing says of a page's frames. */

const SCRIPT = ["FunctionCall", "EvaluateScript", "TimerFire", "FireAnimationFrame", "EventDispatch", "RunMicrotasks",
    "MinorGC", "MajorGC"];
const LAYOUT = ["UpdateLayoutTree", "Layout"];
const COUNTED = new Set([...SCRIPT, ...LAYOUT]);

export const CATEGORIES = ["devtools.timeline", "devtools.timeline.frame", "v8", "__metadata"];

/**
 * Milliseconds of scripting and layout on the page's main thread, of each frame in which something was drawn by script,
 * with what led to it (messages, timers) since the frame before.
 */
export function frameCosts(trace) {
    const { traceEvents } = JSON.parse(trace);
    const main = mainThread(traceEvents);
    const events = traceEvents.filter((event) => event.pid === main.pid && event.tid === main.tid && event.ph === "X")
        .filter((event) => COUNTED.has(event.name)).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
    const frames = [];
    let cost = 0;
    let drew = false;
    let end = -Infinity;
    let laidOut = false;
    for (const event of events) {
        // A new turn after the layout of the last frame belongs to the next one.
        if (drew && laidOut && SCRIPT.includes(event.name) && event.ts >= end) {
            frames.push(cost / 1000);
            [cost, drew, laidOut] = [0, false, false];
        }
        if (event.name === "FireAnimationFrame") drew = true;
        if (drew && LAYOUT.includes(event.name)) laidOut = true;
        if (event.ts < end) continue; // within another one that is counted
        cost += event.tdur ?? event.dur;
        end = event.ts + event.dur;
    }
    return frames;
}

/** The thread that runs the page's animation frames. */
function mainThread(events) {
    const counts = new Map();
    for (const { name, pid, tid } of events) {
        if (name !== "FireAnimationFrame") continue;
        const key = `${pid} ${tid}`;
        counts.set(key, { pid, tid, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()].sort((a, b) => b.count - a.count)[0];
}

/** The value below which `share` of the values lie. */
export function quantile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
